// SPDX-License-Identifier: MIT
#pragma once
/// A set of processors (or of one domain's vCPUs); both are at most 64, so one word holds it.

#include "base/types.hpp"

#include <bit>

namespace rf {

class CpuMask {
public:
    constexpr CpuMask() = default;
    constexpr explicit CpuMask(std::uint64_t bits) : bits_(bits) {}
    [[nodiscard]] static constexpr CpuMask of(CpuId cpu) { return CpuMask{1ull << cpu}; }
    [[nodiscard]] static constexpr CpuMask first(unsigned count)
    {
        return CpuMask{count >= 64 ? ~0ull : (1ull << count) - 1};
    }

    [[nodiscard]] constexpr bool contains(CpuId cpu) const { return cpu < 64 && (bits_ >> cpu & 1); }
    constexpr void add(CpuId cpu) { bits_ |= 1ull << cpu; }
    constexpr void remove(CpuId cpu) { bits_ &= ~(1ull << cpu); }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    [[nodiscard]] constexpr unsigned count() const { return static_cast<unsigned>(std::popcount(bits_)); }
    [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
    /// Lowest member; the set must not be empty.
    [[nodiscard]] constexpr CpuId lowest() const { return static_cast<CpuId>(std::countr_zero(bits_)); }

    constexpr CpuMask operator&(CpuMask other) const { return CpuMask{bits_ & other.bits_}; }
    constexpr CpuMask operator|(CpuMask other) const { return CpuMask{bits_ | other.bits_}; }
    constexpr CpuMask operator-(CpuMask other) const { return CpuMask{bits_ & ~other.bits_}; }
    constexpr bool operator==(CpuMask const&) const = default;

    /// Calls function(CpuId) for each member, lowest first.
    template <class Function>
    constexpr void for_each(Function function) const
    {
        for (std::uint64_t rest = bits_; rest; rest &= rest - 1)
            function(static_cast<CpuId>(std::countr_zero(rest)));
    }

private:
    std::uint64_t bits_ = 0;
};

} // namespace rf
