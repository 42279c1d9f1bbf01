// SPDX-License-Identifier: MIT
/// Fuzzer of the decoder of privileged instructions and stores. The first 16 bytes choose registers, the rest is code. What
/// is decoded must lie within its bytes, must not depend on the bytes behind it, and must not be decoded from fewer bytes.
#include "harness/choices.hpp"

#include "pvcpu/decode.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <memory>

namespace rf::fuzz {
namespace {

using namespace pvcpu;

/// Decodes from memory of exactly this size.
std::optional<Instruction> decode_exactly(Bytes code, xen::cpu_user_regs const& regs)
{
    std::unique_ptr<std::uint8_t[]> const copy(new std::uint8_t[code.size()]);
    std::copy(code.begin(), code.end(), copy.get());
    return decode({copy.get(), code.size()}, regs);
}

bool equal(Instruction const& a, Instruction const& b)
{
    return a.operation == b.operation && a.source == b.source && a.segment == b.segment && a.length == b.length &&
           a.size == b.size && a.reg == b.reg && a.rm == b.rm && a.memory == b.memory && a.high_byte == b.high_byte &&
           a.repeated == b.repeated && a.immediate == b.immediate && a.address == b.address;
}

void look_at(Instruction const& found, Bytes code, xen::cpu_user_regs regs)
{
    ASSERT_GE(found.length, 1u);
    ASSERT_LE(found.length, std::min(code.size(), instruction_limit));
    ASSERT_TRUE(found.size <= 8 && (found.size == 0 || std::has_single_bit(found.size)));
    ASSERT_TRUE(found.size || !found.memory || found.operation == Operation::invalidate_page) << "a store of nothing";
    ASSERT_LT(found.reg, 16u);
    ASSERT_LT(found.rm, 16u);
    ASSERT_LE(static_cast<unsigned>(found.operation), static_cast<unsigned>(Operation::out_string));

    Bytes const own = code.first(found.length);
    auto const again = decode_exactly(own, regs);
    ASSERT_TRUE(again && equal(*again, found)) << "it depends on what follows";
    for (std::size_t cut = 0; cut < own.size(); ++cut)
        ASSERT_FALSE(decode_exactly(own.first(cut), regs)) << "decoded when cut after " << cut << " bytes";

    // Registers are taken and written by the processor's rules, whatever was decoded.
    if (found.source == Source::reg) {
        std::uint64_t const value = read_register(regs, found);
        ASSERT_EQ(value & ~size_mask(found.size), 0u);
        write_register(regs, found, ~value);
        ASSERT_EQ(read_register(regs, found), ~value & size_mask(found.size));
    }
}

void run(Bytes bytes)
{
    Choices choices(bytes);
    xen::cpu_user_regs regs{};
    std::uint64_t const seed = choices.bits();
    for (unsigned i = 0; i < 16; ++i)
        general_register(regs, i) = seed * (2 * i + 1) ^ seed >> i;
    regs.rip = choices.bits();
    // Several instructions at every distance from the end of what could be fetched.
    for (Bytes code = choices.bytes(4096); !code.empty(); code = code.subspan(1)) {
        Bytes const fetched = code.first(std::min(code.size(), instruction_limit));
        if (auto const found = decode_exactly(fetched, regs))
            look_at(*found, fetched, regs);
        if (testing::Test::HasFailure())
            return;
    }
}

Registration const registration({"emulator", run, 4000});

} // namespace
} // namespace rf::fuzz
