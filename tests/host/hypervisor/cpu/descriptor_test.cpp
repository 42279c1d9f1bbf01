// SPDX-License-Identifier: MIT
/// One wrong bit in a descriptor is a triple fault. The encoders are compared with the values that the manuals and every
/// 64-bit kernel use, and system descriptors and gates are taken apart again field by field.

#include "cpu/descriptor.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/syscall.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace {

using namespace rf::cpu;

TEST(Descriptor, FlatSegments)
{
    EXPECT_EQ(flat_descriptor(FlatSegment::code64, 0), 0x00af'9b00'0000'ffffull);
    EXPECT_EQ(flat_descriptor(FlatSegment::data, 0), 0x00cf'9300'0000'ffffull);
    EXPECT_EQ(flat_descriptor(FlatSegment::code32, 3), 0x00cf'fb00'0000'ffffull);
    EXPECT_EQ(flat_descriptor(FlatSegment::data, 3), 0x00cf'f300'0000'ffffull);
    EXPECT_EQ(flat_descriptor(FlatSegment::code64, 3), 0x00af'fb00'0000'ffffull);
}

TEST(Descriptor, SystemSegment)
{
    std::uint64_t const base = 0xffff'8280'2000'4abcull;
    auto const [low, high] = system_descriptor(SystemSegment::available_tss, base, 0x9'1234);
    EXPECT_EQ((low >> 16 & 0xff'ffff) | (low >> 56) << 24 | high << 32, base);
    EXPECT_EQ((low & 0xffff) | (low >> 48 & 0xf) << 16, 0x9'1234u);
    EXPECT_EQ(low >> 40 & 0xff, 0x89u) << "present, privilege 0, available TSS";
    EXPECT_EQ(low >> 52 & 0xf, 0u) << "limit in bytes";
    EXPECT_EQ(system_descriptor(SystemSegment::ldt, 0, 7)[0] >> 40 & 0xff, 0x82u);
}

TEST(Descriptor, InterruptGate)
{
    std::uint64_t const handler = 0xffff'8280'0123'4567ull;
    Gate const gate = interrupt_gate(handler, selector::hypervisor_code, 3, 4);
    EXPECT_EQ((gate.low & 0xffff) | (gate.low >> 48) << 16 | gate.high << 32, handler);
    EXPECT_EQ(gate.low >> 16 & 0xffff, selector::hypervisor_code);
    EXPECT_EQ(gate.low >> 32 & 0xff, 4u);
    EXPECT_EQ(gate.low >> 40 & 0xff, 0xeeu) << "present, privilege 3, interrupt gate";
    EXPECT_EQ(interrupt_gate(handler, 8, 0, 0).low >> 40 & 0xff, 0x8eu);
}

/// SYSCALL and SYSRET derive selectors by addition; the ABI's numbers only work together.
TEST(Descriptor, SelectorsFitSyscall)
{
    EXPECT_EQ(selector::hypervisor_data, selector::hypervisor_code + 8);
    EXPECT_EQ(selector::guest_data, selector::guest_code32 + 8);
    EXPECT_EQ(selector::guest_code64, selector::guest_code32 + 16);
    EXPECT_GE(selector::hypervisor_code, gdt_reserved_offset);
    EXPECT_GE(gdt_limit, selector::ldt + 15);
}

TEST(Descriptor, SyscallStubReachesItsTargets)
{
    std::uint64_t const stub = 0xffff'8280'2002'0000ull, slot = stub + 0xffb0, entry = 0xffff'8280'0020'4321ull;
    auto const code = encode_syscall_stub(stub, slot, entry);
    auto const distance = [&](std::size_t at) {
        std::int32_t value;
        std::memcpy(&value, code.data() + at, 4);
        return static_cast<std::int64_t>(value);
    };
    EXPECT_EQ(code[0] << 16 | code[1] << 8 | code[2], 0x488925); // mov %rsp, d(%rip)
    EXPECT_EQ(stub + 7 + distance(3), slot);
    EXPECT_EQ(code[7] << 16 | code[8] << 8 | code[9], 0x488d25); // lea d(%rip), %rsp
    EXPECT_EQ(stub + 14 + distance(10), slot);
    EXPECT_EQ(code[14], 0xe9);                                   // jmp d
    EXPECT_EQ(stub + 19 + distance(15), entry);
}

} // namespace
