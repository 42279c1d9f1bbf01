// SPDX-License-Identifier: MIT
#pragma once
/// Addresses that a hostile guest hands over: what makes an address canonical, or the hypervisor's, in every variation; and
/// a second statement of which addresses a guest may name.

#include <cstdint>
#include <vector>

namespace rf::pvmmu_tests {

inline constexpr std::uint64_t low_half_end = 1ull << 47;
inline constexpr std::uint64_t high_half = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t above_hypervisor = 0xffff'8800'0000'0000;

/// Bits 63 to 47 are equal.
[[nodiscard]] constexpr bool plainly_canonical(std::uint64_t address) { return address < low_half_end || address >= high_half; }

/// All `bytes` from `address` lie in the lower half, or all above the hypervisor's part of the upper one.
[[nodiscard]] constexpr bool plainly_guests(std::uint64_t address, std::uint64_t bytes)
{
    auto const last = static_cast<unsigned __int128>(address) + bytes - 1;
    return last < low_half_end || (address >= above_hypervisor && last <= ~std::uint64_t{0});
}

/// Bits 63 to 47 all ones, all zeros, and each single one of them different from the others, over several lower parts; both
/// sides of every border, in steps that matter to a structure that crosses it.
[[nodiscard]] inline std::vector<std::uint64_t> address_patterns()
{
    constexpr std::uint64_t lower_parts[] = {0, 0x7fff'ffff'f000, 0x0800'0000'0000, 0x07ff'ffff'f000};
    constexpr std::uint64_t top = ~(low_half_end - 1);
    std::vector<std::uint64_t> patterns;
    for (std::uint64_t low : lower_parts) {
        patterns.insert(patterns.end(), {low, top | low});
        for (unsigned bit = 47; bit < 64; ++bit)
            patterns.insert(patterns.end(), {1ull << bit | low, (top ^ 1ull << bit) | low});
    }
    constexpr std::uint64_t borders[] = {0, low_half_end, 1ull << 48, 1ull << 63, 0xffff'0000'0000'0000, high_half,
                                         0xffff'8200'0000'0000, 0xffff'8300'0000'0000, above_hypervisor};
    constexpr std::int64_t steps[] = {-4096, -640, -64, -48, -32, -16, -8, -7, -4, -1, 1, 4, 8, 16, 4096};
    for (std::uint64_t border : borders)
        for (std::int64_t step : steps)
            patterns.push_back(border + static_cast<std::uint64_t>(step));
    return patterns;
}

} // namespace rf::pvmmu_tests
