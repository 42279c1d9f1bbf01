// SPDX-License-Identifier: MIT
#pragma once
/// Where a guest's kernel wants its exceptions (set_trap_table, setvcpucontext): 256 gates, packed, for every vCPU has them and
/// a page for each would be half of what an idle vCPU takes.

#include "base/types.hpp"

#include <array>

namespace rf::domain {

/// Where the guest wants one exception vector delivered (xen_trap_info).
struct TrapGate {
    std::uint64_t address = 0;  ///< canonical; 0: no handler
    std::uint16_t selector = 0; ///< of ring 3 if there is a handler
    std::uint8_t flags = 0;     ///< TRAP_INFO_*: bits 0..1 privilege level that may raise it by `int n`; bit 2 masks events
    friend bool operator==(TrapGate const&, TrapGate const&) = default;
};

class TrapTable {
public:
    void clear() { *this = {}; }
    void set(unsigned vector, TrapGate gate)
    {
        words_[vector] = gate.address << address_shift | gate.selector >> 3 << index_shift | (gate.flags & flags_mask);
        std::uint64_t const bit = 1ull << vector % 64;
        local_[vector / 64] = gate.selector & local_bit ? local_[vector / 64] | bit : local_[vector / 64] & ~bit;
    }
    [[nodiscard]] std::uint64_t address(unsigned vector) const { return address_of(words_[vector]); }
    [[nodiscard]] std::uint8_t flags(unsigned vector) const { return words_[vector] & flags_mask; }
    [[nodiscard]] TrapGate operator[](unsigned vector) const
    {
        if (words_[vector] == 0)
            return {};
        auto const index = static_cast<std::uint16_t>(words_[vector] >> index_shift << 3);
        bool const local = local_[vector / 64] >> vector % 64 & 1;
        return {address(vector), static_cast<std::uint16_t>(index | (local ? local_bit : 0) | 3), flags(vector)};
    }

private:
    static constexpr unsigned address_shift = 16, index_shift = 3;
    static constexpr std::uint8_t flags_mask = 7;
    static constexpr std::uint16_t local_bit = 4; ///< of a selector: in the LDT

    /// The upper bits of a canonical address say nothing that bit 47 does not.
    [[nodiscard]] static std::uint64_t address_of(std::uint64_t word)
    {
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(word) >> address_shift);
    }

    std::array<std::uint64_t, 256> words_{}; ///< address, selector's index, flags
    std::array<std::uint64_t, 4> local_{};   ///< local_bit of each selector
};

} // namespace rf::domain
