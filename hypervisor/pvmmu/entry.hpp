// SPDX-License-Identifier: MIT
#pragma once
/// One page-table entry (AMD64 manual volume 2, section 5.4; Intel SDM volume 3, section 4.5).

#include "base/types.hpp"

namespace rf::pvmmu {

class Entry {
public:
    static constexpr std::uint64_t present = 1ull << 0;
    static constexpr std::uint64_t writable = 1ull << 1;
    static constexpr std::uint64_t user = 1ull << 2;
    static constexpr std::uint64_t write_through = 1ull << 3;
    static constexpr std::uint64_t cache_disable = 1ull << 4;
    static constexpr std::uint64_t accessed = 1ull << 5;
    static constexpr std::uint64_t dirty = 1ull << 6;
    static constexpr std::uint64_t large = 1ull << 7; ///< levels 2 and 3
    static constexpr std::uint64_t pat = 1ull << 7;   ///< level 1
    static constexpr std::uint64_t global = 1ull << 8;
    static constexpr std::uint64_t available_low = 7ull << 9;
    /// Set by us in a leaf that the guest wrote without `user`: it belongs to the guest's kernel.
    static constexpr std::uint64_t guest_kernel = 1ull << 52;
    static constexpr std::uint64_t available_high = 0x7ffull << 52;
    static constexpr std::uint64_t no_execute = 1ull << 63;

    static constexpr std::uint64_t frame_mask = 0x000f'ffff'ffff'f000ull;
    static constexpr std::uint64_t cache_bits = write_through | cache_disable | pat;
    /// What the processor and the guest may change without any effect on access or ownership.
    static constexpr std::uint64_t harmless = accessed | dirty | available_low | (available_high & ~guest_kernel);

    constexpr Entry() = default;
    constexpr explicit Entry(std::uint64_t bits) : bits_(bits) {}
    [[nodiscard]] static constexpr Entry of(Mfn mfn, std::uint64_t flags)
    {
        return Entry{(mfn.value << page_shift & frame_mask) | flags};
    }

    [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
    [[nodiscard]] constexpr std::uint64_t flags() const { return bits_ & ~frame_mask; }
    [[nodiscard]] constexpr Mfn frame() const { return Mfn{(bits_ & frame_mask) >> page_shift}; }
    [[nodiscard]] constexpr bool is_present() const { return bits_ & present; }
    [[nodiscard]] constexpr bool is_writable() const { return bits_ & writable; }
    [[nodiscard]] constexpr bool has(std::uint64_t flags) const { return bits_ & flags; }
    [[nodiscard]] constexpr Entry with(std::uint64_t set, std::uint64_t clear = 0) const
    {
        return Entry{(bits_ & ~clear) | set};
    }
    constexpr bool operator==(Entry const&) const = default;

private:
    std::uint64_t bits_ = 0;
};

/// Index of `address` in the table of `level` (1..4) that maps it.
[[nodiscard]] constexpr unsigned table_index(std::uint64_t address, unsigned level)
{
    return static_cast<unsigned>(address >> (page_shift + 9 * (level - 1))) & (table_entries - 1);
}

} // namespace rf::pvmmu
