// SPDX-License-Identifier: MIT
#include "dom0/codec/x86_filter.hpp"

#include "dom0/codec/bytes.hpp"

#include <bit>

namespace rf::dom0::codec {
namespace {

constexpr std::size_t instruction_bytes = 5;

/// Only operands whose highest byte says "within +-16 MiB" were converted.
constexpr bool is_near(std::uint32_t high_byte) { return high_byte == 0x00 || high_byte == 0xff; }

/// Index of the first byte e8 or e9 in [at, end), or `end`.
std::size_t next_branch(std::uint8_t const* bytes, std::size_t at, std::size_t end)
{
    constexpr std::uint64_t each = 0x0101'0101'0101'0101;
    for (; at + sizeof(std::uint64_t) <= end; at += sizeof(std::uint64_t)) {
        std::uint64_t const differences = (load<std::uint64_t>(bytes + at) & each * 0xfe) ^ each * 0xe8;
        std::uint64_t const zeros = (differences - each) & ~differences & each * 0x80;
        if (zeros)
            return at + static_cast<unsigned>(std::countr_zero(zeros)) / 8;
    }
    while (at < end && (bytes[at] & 0xfe) != 0xe8)
        ++at;
    return at;
}

/// Number of operand bytes, from the top, that an opcode byte left behind inside this operand hides; by `recent`.
constexpr std::uint8_t hidden_bytes[8] = {0, 1, 2, 2, 3, 3, 3, 3};
/// Whether an operand may have been converted although opcode bytes stand within it; by `recent`.
constexpr bool convertible[8] = {true, true, true, false, true, false, false, false};

/// The relative operand that the filter made `absolute` of. `next` is the address behind the instruction.
std::uint32_t relative_operand(std::uint32_t absolute, std::uint32_t next, unsigned recent)
{
    std::uint32_t relative = absolute - next;
    if (recent) {
        // The encoder saw these bytes through an earlier candidate: it repeated the step while they looked near.
        unsigned const shift = hidden_bytes[recent] * 8u;
        for (unsigned round = 0; round < 4 && is_near(relative >> (24 - shift) & 0xff); ++round) {
            absolute = relative ^ ((1u << (32 - shift)) - 1);
            relative = absolute - next;
        }
    }
    std::uint32_t const sign = relative & 0x0100'0000;
    return (relative & 0x01ff'ffff) | (0 - sign);
}

} // namespace

void undo_x86_filter(std::span<std::uint8_t> block)
{
    if (block.size() < instruction_bytes)
        return;
    std::uint8_t* const bytes = block.data();
    std::size_t const end = block.size() - (instruction_bytes - 1);
    // Bit n of `recent`: the byte n + 1 before the current one was an opcode byte that stayed as it was.
    unsigned recent = 0;
    std::size_t last = 0;
    bool any = false;

    for (std::size_t at = next_branch(bytes, 0, end); at < end; at = next_branch(bytes, at, end)) {
        std::size_t const gap = at - last;
        recent = any && gap <= 3 ? recent << (gap - 1) & 7 : 0;
        any = true;
        last = at;

        bool const blocked = recent && (!convertible[recent] || is_near(bytes[at + 4 - hidden_bytes[recent]]));
        if (blocked || !is_near(bytes[at + 4])) {
            recent = (recent << 1 & 7) | 1;
            ++at;
            continue;
        }
        auto const absolute = load<std::uint32_t>(bytes + at + 1);
        auto const next = static_cast<std::uint32_t>(at + instruction_bytes);
        store(bytes + at + 1, relative_operand(absolute, next, recent));
        recent = 0;
        at += instruction_bytes;
    }
}

} // namespace rf::dom0::codec
