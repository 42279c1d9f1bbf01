// SPDX-License-Identifier: MIT
#pragma once
/// The two instructions by which kernels mostly write to a page table themselves, told from all others at a glance: MOV and
/// XCHG of a whole register to memory (REX.W 89 /r, REX.W 87 /r). decode() says the same of them, and of much more.

#include <cstddef>
#include <cstdint>

namespace rf::pvcpu {

struct WordStore {
    bool exchanges;      ///< the register gets what was in memory
    std::uint8_t reg;    ///< register number 0..15
    std::uint8_t length; ///< bytes, at most word_store_bytes; 0: another instruction
};
inline constexpr std::size_t word_store_bytes = 8;

/// `code`: the next bytes, the first one lowest. The address is not looked at: the fault tells it.
[[nodiscard]] constexpr WordStore decode_word_store(std::uint64_t code)
{
    constexpr std::uint64_t fixed = 0xfff8, move = 0x8948, exchange = 0x8748; // REX.W and the opcode
    unsigned const mode = code >> 22 & 3, base = code >> 16 & 7;
    bool const exchanges = (code & fixed) == exchange;
    if ((!exchanges && (code & fixed) != move) || mode == 3)
        return {};
    bool const has_index = base == 4;
    bool const no_base = mode == 0 && (has_index ? (code >> 24 & 7) == 5 : base == 5);
    unsigned const displacement = mode == 1 ? 1 : mode == 2 || no_base ? 4 : 0;
    return WordStore{exchanges, static_cast<std::uint8_t>((code >> 19 & 7) | (code & 4) << 1),
                     static_cast<std::uint8_t>(3 + has_index + displacement)};
}

} // namespace rf::pvcpu
