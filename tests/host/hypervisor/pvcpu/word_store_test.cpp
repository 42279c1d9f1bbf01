// SPDX-License-Identifier: MIT
// The usual stores to page tables are told by a glance instead of a decoder. Whatever bytes a guest executes: the glance must
// say what the decoder says, or nothing; and it must know all forms of the two instructions that it is made for.
#include "pvcpu/decode.hpp"
#include "pvcpu/word_store.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace rf::pvcpu {
namespace {

using Code = std::array<std::uint8_t, word_store_bytes>;

/// What the decoder says of `code`, if it is a MOV or XCHG of eight bytes from a register to memory without odd prefixes.
std::optional<WordStore> by_decoder(Code const& code)
{
    xen::cpu_user_regs const regs{};
    auto const instruction = decode(code, regs);
    if (!instruction || !instruction->memory || instruction->size != 8 || instruction->source != Source::reg)
        return std::nullopt;
    if (instruction->operation != Operation::move && instruction->operation != Operation::exchange)
        return std::nullopt;
    return WordStore{instruction->operation == Operation::exchange, instruction->reg, instruction->length};
}

void expect_same(Code const& code, bool must_know)
{
    WordStore const glance = decode_word_store(std::bit_cast<std::uint64_t>(code));
    bool const known = glance.length != 0;
    auto const decoded = by_decoder(code);
    ASSERT_TRUE(!known || decoded);
    ASSERT_TRUE(!must_know || known == decoded.has_value());
    if (!known)
        return;
    ASSERT_EQ(glance.exchanges, decoded->exchanges);
    ASSERT_EQ(glance.reg, decoded->reg);
    ASSERT_EQ(glance.length, decoded->length);
}

TEST(WordStore, IsWhatTheDecoderSaysInEveryForm)
{
    unsigned known = 0;
    for (unsigned rex = 0x48; rex < 0x50; ++rex)
        for (unsigned opcode : {0x87u, 0x89u})
            for (unsigned modrm = 0; modrm < 256; ++modrm)
                for (unsigned sib = 0; sib < 256; ++sib) {
                    Code const code{static_cast<std::uint8_t>(rex), static_cast<std::uint8_t>(opcode), static_cast<std::uint8_t>(modrm),
                                    static_cast<std::uint8_t>(sib), 0x11, 0x22, 0x33, 0x44};
                    SCOPED_TRACE(testing::Message() << std::hex << rex << ' ' << opcode << ' ' << modrm << ' ' << sib);
                    expect_same(code, true);
                    known += decode_word_store(std::bit_cast<std::uint64_t>(code)).length != 0;
                    if (HasFatalFailure())
                        return;
                }
    EXPECT_EQ(known, 8u * 2 * 192 * 256) << "all but those that name two registers";
}

TEST(WordStore, SaysNothingWrongOfAnyBytes)
{
    std::mt19937_64 random(7);
    for (unsigned count = 0; count < 300'000; ++count) {
        Code code;
        std::uint64_t const bytes = random();
        std::memcpy(code.data(), &bytes, sizeof code);
        if (count % 2)
            code[0] = static_cast<std::uint8_t>(0x40 | (code[0] & 15));
        expect_same(code, false);
        if (HasFatalFailure())
            return;
    }
}

} // namespace
} // namespace rf::pvcpu
