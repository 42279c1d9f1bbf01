// SPDX-License-Identifier: MIT
// Story: the registers that kernels read at boot have harmless, fixed answers; all others do not exist. The one value that
// must be exact is the PAT, since guests compute page attributes from it; DomUs learn nothing of the machine's memory map.
#include "pvcpu/msr_rules.hpp"

#include <gtest/gtest.h>

namespace rf::pvcpu {
namespace {

constexpr MsrViewer intel_guest{.vendor = ProcessorVendor::intel};
constexpr MsrViewer amd_guest{.vendor = ProcessorVendor::amd, .first_vcpu = true};
constexpr MsrViewer amd_control{.vendor = ProcessorVendor::amd, .controls_machine = true, .lfence_serialises = true};

TEST(PvMsrRules, PageAttributesAreXens)
{
    auto const pat = msr_read_rule(intel_guest, 0x277);
    ASSERT_TRUE(pat);
    EXPECT_EQ(pat->mask, 0u);
    EXPECT_EQ(pat->value, 0x0000050100070406u);
    EXPECT_FALSE(msr_write_rule(intel_guest, 0x277));
}

TEST(PvMsrRules, ApicBaseSaysWhoBooted)
{
    EXPECT_EQ(msr_read_rule(amd_guest, 0x1b)->value, 0xfee00900u);
    EXPECT_EQ(msr_read_rule(intel_guest, 0x1b)->value, 0xfee00800u);
    EXPECT_FALSE(msr_write_rule(intel_guest, 0x1b));
}

TEST(PvMsrRules, EferHidesSvmAndAcceptsOnlyItself)
{
    auto const efer = msr_read_rule(amd_guest, 0xc0000080);
    ASSERT_TRUE(efer);
    EXPECT_EQ(efer->mask, ~0x1000ull);
    EXPECT_EQ(msr_write_rule(amd_guest, 0xc0000080), MsrWrite::only_same);
}

TEST(PvMsrRules, MiscEnableHasNoPerformanceMonitoring)
{
    auto const misc = msr_read_rule(intel_guest, 0x1a0);
    ASSERT_TRUE(misc);
    std::uint64_t const seen = (~0ull & misc->mask) | misc->value;
    EXPECT_EQ(seen & (1ull << 7 | 1ull << 18 | 1ull << 34), 0u);
    EXPECT_EQ(seen & (1ull << 11 | 1ull << 12), 1ull << 11 | 1ull << 12);
    EXPECT_EQ(msr_write_rule(intel_guest, 0x1a0), MsrWrite::ignored);
    EXPECT_FALSE(msr_read_rule(amd_guest, 0x1a0));
    EXPECT_FALSE(msr_write_rule(amd_guest, 0x1a0));
}

TEST(PvMsrRules, MachineMapIsForTheControlDomain)
{
    for (std::uint32_t index : {0xc0010010u, 0xc001001au, 0xc001001du, 0xc001001fu}) {
        EXPECT_EQ(msr_read_rule(amd_guest, index)->mask, 0u);
        EXPECT_EQ(msr_read_rule(amd_control, index)->mask, ~0ull);
        EXPECT_FALSE(msr_read_rule(intel_guest, index));
        EXPECT_FALSE(msr_write_rule(amd_control, index));
    }
    EXPECT_EQ(msr_read_rule(amd_control, 0xc0011029)->value, 2u);
    EXPECT_EQ(msr_read_rule(amd_guest, 0xc0011029)->value, 0u);
}

TEST(PvMsrRules, MicrocodeRevisionRitualWorks)
{
    EXPECT_EQ(msr_read_rule(intel_guest, 0x8b)->mask, ~0ull);
    EXPECT_EQ(msr_write_rule(intel_guest, 0x8b), MsrWrite::only_zero);
}

TEST(PvMsrRules, ConstantsOfEachVendor)
{
    constexpr MsrViewer other{};
    // Intel: platform id is the hardware's; feature control is locked and empty; the rest reads zero.
    EXPECT_EQ(msr_read_rule(intel_guest, 0x17)->mask, ~0ull);
    EXPECT_EQ(msr_read_rule(intel_guest, 0x3a)->value, 1u);
    for (std::uint32_t index : {0xceu, 0x198u, 0x199u, 0x19cu, 0x1a2u}) {
        EXPECT_EQ(msr_read_rule(intel_guest, index)->mask | msr_read_rule(intel_guest, index)->value, 0u) << std::hex << index;
        EXPECT_FALSE(msr_read_rule(amd_guest, index)) << std::hex << index;
        EXPECT_FALSE(msr_read_rule(other, index)) << std::hex << index;
    }
    EXPECT_EQ(msr_read_rule(amd_guest, 0xc0010015)->value, 0u);
    EXPECT_EQ(msr_read_rule(amd_guest, 0x8b)->mask, ~0ull);
    EXPECT_FALSE(msr_read_rule(other, 0x8b));
    for (MsrViewer const& viewer : {intel_guest, amd_guest, other})
        for (std::uint32_t index : {0xc0000103u, 0x179u, 0x17au})
            EXPECT_EQ(msr_read_rule(viewer, index)->mask | msr_read_rule(viewer, index)->value, 0u) << std::hex << index;
    EXPECT_EQ(msr_write_rule(amd_guest, 0xc0011029), MsrWrite::ignored);
    EXPECT_FALSE(msr_write_rule(intel_guest, 0xc0011029));
    EXPECT_FALSE(msr_write_rule(other, 0x1a0));
}

TEST(PvMsrRules, EverythingElseDoesNotExist)
{
    constexpr std::uint32_t absent[] = {0x48, 0x49, 0xfe, 0x10a, 0x10b, 0x17b, 0x200, 0x2ff, 0x345, 0x38f, 0x6a0, 0x6e0, 0xda0,
                                        0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0x174, 0x175, 0x176, 0xc0010114,
                                        0xc0010117, 0xc0010140, 0xc001011f, 0x40000001};
    for (MsrViewer const& viewer : {intel_guest, amd_guest, amd_control}) {
        for (std::uint32_t index : absent) {
            EXPECT_FALSE(msr_read_rule(viewer, index)) << std::hex << index;
            EXPECT_FALSE(msr_write_rule(viewer, index)) << std::hex << index;
        }
        for (std::uint32_t index = 0x800; index < 0x900; ++index) {
            EXPECT_FALSE(msr_read_rule(viewer, index));
            EXPECT_FALSE(msr_write_rule(viewer, index));
        }
    }
}

} // namespace
} // namespace rf::pvcpu
