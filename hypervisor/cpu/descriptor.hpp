// SPDX-License-Identifier: MIT
#pragma once
/// Segment, system and gate descriptors as the processor reads them (SDM vol. 3, 3.4.5, 7.2.3, 6.14.1). Pure encoding.

#include "base/types.hpp"

#include <array>

namespace rf::cpu {

using Descriptor = std::uint64_t;

/// A flat code or data segment: base 0, limit 4 GiB.
enum class FlatSegment : std::uint8_t { code64, code32, data };
[[nodiscard]] constexpr Descriptor flat_descriptor(FlatSegment kind, unsigned privilege)
{
    Descriptor value = 0x0000'9100'0000'ffffull | 0xfull << 48; // present, code or data, accessed
    value |= 1ull << 55;                                        // limit in pages
    value |= static_cast<Descriptor>(privilege) << 45;
    value |= kind == FlatSegment::data ? 1ull << 41 : 1ull << 41 | 1ull << 43; // writable; readable code
    value |= kind == FlatSegment::code64 ? 1ull << 53 : 1ull << 54;            // L, else D/B
    return value;
}

/// Types of 16-byte system descriptors (3.5, table 3-2).
enum class SystemSegment : std::uint8_t { ldt = 2, available_tss = 9 };

/// A 16-byte system descriptor, privilege 0, limit in bytes.
[[nodiscard]] constexpr std::array<Descriptor, 2> system_descriptor(SystemSegment kind, std::uint64_t base,
                                                                    std::uint32_t limit)
{
    Descriptor low = limit & 0xffff;
    low |= (base & 0xff'ffff) << 16;
    low |= static_cast<Descriptor>(kind) << 40;
    low |= 1ull << 47; // present
    low |= static_cast<Descriptor>(limit >> 16 & 0xf) << 48;
    low |= (base >> 24 & 0xff) << 56;
    return {low, base >> 32};
}

/// A 64-bit interrupt gate: interrupts off at the handler. `stack` is an IST slot, 0 for none.
struct Gate {
    std::uint64_t low = 0, high = 0;
    constexpr bool operator==(Gate const&) const = default;
};
[[nodiscard]] constexpr Gate interrupt_gate(std::uint64_t handler, std::uint16_t selector, unsigned privilege,
                                            unsigned stack)
{
    Gate gate;
    gate.low = (handler & 0xffff) | static_cast<std::uint64_t>(selector) << 16;
    gate.low |= static_cast<std::uint64_t>(stack & 7) << 32;
    gate.low |= 0x8eull << 40; // present interrupt gate
    gate.low |= static_cast<std::uint64_t>(privilege) << 45;
    gate.low |= (handler >> 16 & 0xffff) << 48;
    gate.high = handler >> 32;
    return gate;
}

/// 64-bit task-state segment (7.7).
struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0 = 0;
    std::uint64_t stack_pointer[3]{}; ///< RSP0..RSP2
    std::uint64_t reserved1 = 0;
    std::uint64_t interrupt_stack[7]{}; ///< IST1..IST7
    std::uint64_t reserved2 = 0;
    std::uint16_t reserved3 = 0;
    std::uint16_t io_map_base = 104; ///< beyond the limit: no port is open to ring 3
};
static_assert(sizeof(TaskState) == 104);

} // namespace rf::cpu
