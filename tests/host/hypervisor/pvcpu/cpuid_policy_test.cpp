// SPDX-License-Identifier: MIT
// Story: a paravirtual guest must not be told of anything that it cannot use in ring 3 (the patched-in STAC of a kernel that
// sees SMAP is instant death), must be told of what its boot depends on (HYPERVISOR, the hypervisor's own leaves, OSXSAVE
// before it sets CR4), and its XSAVE leaf must describe exactly the state that is saved for it. A controller can take
// features away and give them back, never add any. Played on two invented processors that have every bit set.
#include "pvcpu/cpuid_policy.hpp"
#include "pvcpu/feature_rules.hpp"
#include "xen/cpuid.h"

#include <cstring>
#include <gtest/gtest.h>

namespace rf::pvcpu {
namespace {

constexpr std::uint64_t avx512_state = 0xe7;
constexpr std::uint64_t avx_state = 0x7;

/// A processor with all features there are; `amd` decides the vendor.
template <bool amd>
CpuidRegisters everything(std::uint32_t leaf, std::uint32_t subleaf)
{
    switch (leaf) {
    case 0:
        return amd ? CpuidRegisters{0x10, 0x68747541, 0x444d4163, 0x69746e65}
                   : CpuidRegisters{0x20, 0x756e6547, 0x6c65746e, 0x49656e69};
    case 1:
        return {0x000506e3, 0x12345678, ~0u, ~0u};
    case 4:
        return subleaf < 3 ? CpuidRegisters{0xfffff121 + subleaf, 0x01c0003f, 63, 7} : CpuidRegisters{};
    case 7:
        return {2, ~0u, ~0u, ~0u};
    case 0xd:
        switch (subleaf) {
        case 0:
            return {0x2ff, 2696, 2696, 0};
        case 1:
            return {~0u, 2696, 0x100, 0};
        case 2:
            return {256, 576, 0, 0};
        case 5:
            return {64, 1088, 0, 0};
        case 6:
            return {512, 1152, 2, 0};
        case 7:
            return {1024, 1664, 2, 0};
        case 9:
            return {8, 2688, 0, 0};
        default:
            return {64, 960, 0, 0};
        }
    case 0x80000000:
        return {0x80000028, 0, 0, 0};
    case 0x80000008:
        return {0x00303934, ~0u, 0x707f, 0xffff};
    default:
        return {~0u, ~0u, ~0u, ~0u};
    }
}

constexpr PolicyKind guest_kinds[] = {PolicyKind::pv_max, PolicyKind::pv_default, PolicyKind::control};

TEST(PvCpuidPolicy, HidesWhatAGuestCannotUse)
{
    struct Hidden {
        std::size_t word;
        unsigned bit;
        char const* name;
    };
    constexpr Hidden hidden[] = {
        {0, 1, "VME"},        {0, 3, "PSE"},           {0, 7, "MCE"},        {0, 12, "MTRR"},       {0, 13, "PGE"},
        {0, 14, "MCA"},       {0, 17, "PSE36"},        {0, 21, "DS"},        {0, 22, "ACPI"},       {0, 28, "HTT"},
        {0, 29, "TM"},        {1, 2, "DTES64"},        {1, 3, "MONITOR"},    {1, 5, "VMX"},         {1, 6, "SMX"},
        {1, 7, "EIST"},       {1, 15, "PDCM"},         {1, 17, "PCID"},      {1, 18, "DCA"},        {1, 21, "X2APIC"},
        {1, 24, "TSC_DEADLINE"}, {2, 26, "PAGE1GB"},   {2, 27, "RDTSCP"},    {3, 2, "SVM"},         {3, 4, "CR8_LEGACY"},
        {3, 9, "OSVW"},       {3, 22, "TOPOEXT"},      {3, 29, "MONITORX"},  {4, 3, "XSAVES"},      {4, 4, "XFD"},
        {5, 0, "FSGSBASE"},   {5, 1, "TSC_ADJUST"},    {5, 2, "SGX"},        {5, 7, "SMEP"},        {5, 10, "INVPCID"},
        {5, 12, "PQM"},       {5, 14, "MPX"},          {5, 15, "PQE"},       {5, 20, "SMAP"},       {5, 25, "PT"},
        {6, 2, "UMIP"},       {6, 3, "PKU"},           {6, 4, "OSPKE"},      {6, 5, "WAITPKG"},     {6, 7, "CET_SS"},
        {6, 16, "LA57"},      {6, 22, "RDPID"},        {6, 29, "ENQCMD"},    {8, 12, "IBPB"},       {8, 14, "IBRS"},
        {9, 18, "PCONFIG"},   {9, 19, "ARCH_LBR"},     {9, 20, "CET_IBT"},   {9, 22, "AMX_BF16"},   {9, 24, "AMX_TILE"},
        {9, 25, "AMX_INT8"},  {9, 26, "IBRSB"},        {9, 27, "STIBP"},     {9, 28, "L1D_FLUSH"},  {9, 29, "ARCH_CAPS"},
        {9, 31, "SSBD"},
    };
    for (HostCpuid host : {everything<false>, everything<true>})
        for (PolicyKind kind : guest_kinds) {
            CpuidPolicy const policy = CpuidPolicy::build(kind, host, avx512_state);
            for (Hidden const& feature : hidden)
                EXPECT_FALSE(policy.has(feature.word, feature.bit)) << feature.name;
        }
}

TEST(PvCpuidPolicy, ShowsWhatItCan)
{
    for (PolicyKind kind : guest_kinds) {
        CpuidPolicy const policy = CpuidPolicy::build(kind, everything<false>, avx512_state);
        for (unsigned bit : {0u, 4u, 5u, 6u, 8u, 9u, 11u, 15u, 16u, 19u, 24u, 25u, 26u})
            EXPECT_TRUE(policy.has(0, bit)) << "1.edx bit " << bit;
        for (unsigned bit : {0u, 13u, 20u, 26u, 28u, 31u})
            EXPECT_TRUE(policy.has(1, bit)) << "1.ecx bit " << bit;
        EXPECT_TRUE(policy.has(2, 29)) << "long mode";
        EXPECT_TRUE(policy.has(2, 20)) << "NX";
        EXPECT_TRUE(policy.has(5, 5)) << "AVX2";
        EXPECT_TRUE(policy.has(5, 16)) << "AVX512F";
        EXPECT_TRUE(policy.has(9, 10)) << "MD_CLEAR";
        EXPECT_EQ(policy.has(7, 8), kind != PolicyKind::pv_default) << "invariant TSC is for guests that stay";
    }
}

TEST(PvCpuidPolicy, HypervisorBitIsSetEvenIfTheHostHasNone)
{
    HostCpuid const bare = [](std::uint32_t leaf, std::uint32_t subleaf) {
        CpuidRegisters regs = everything<false>(leaf, subleaf);
        if (leaf == 1)
            regs.ecx &= 0x7fffffff;
        return regs;
    };
    EXPECT_TRUE(CpuidPolicy::build(PolicyKind::pv_default, bare, avx_state).has(1, 31));
    EXPECT_FALSE(CpuidPolicy::build(PolicyKind::host, bare, avx_state).has(1, 31));
}

TEST(PvCpuidPolicy, AmdRepeatsLeafOneAndHasNoSysenter)
{
    CpuidPolicy const amd = CpuidPolicy::build(PolicyKind::pv_default, everything<true>, avx_state);
    constexpr std::uint32_t repeated = 0x0183f3ff;
    EXPECT_EQ(amd.features()[2] & repeated, amd.features()[0] & repeated);
    EXPECT_FALSE(amd.has(0, 11));
    CpuidPolicy const intel = CpuidPolicy::build(PolicyKind::pv_default, everything<false>, avx_state);
    EXPECT_EQ(intel.features()[2] & repeated, 0u);
}

TEST(PvCpuidPolicy, XsaveLeafDescribesTheSavedState)
{
    struct Case {
        std::uint64_t xcr0;
        std::uint32_t size, compacted;
    };
    for (Case const c : {Case{3, 576, 576}, {avx_state, 832, 832}, {avx512_state, 2688, 2432}}) {
        CpuidPolicy const policy = CpuidPolicy::build(PolicyKind::pv_default, everything<false>, c.xcr0);
        EXPECT_EQ(policy.xcr0(), c.xcr0);
        EXPECT_EQ(policy.find(0xd, 0).ecx, c.size);
        EXPECT_EQ(policy.compacted_size(c.xcr0), c.compacted);
        EXPECT_EQ(policy.find(0xd, 9).eax, 0u) << "protection keys are no state of a guest";
        EXPECT_EQ(policy.find(0xd, 1).ecx, 0u) << "supervisor state";
        EXPECT_EQ(policy.has(1, 28), c.xcr0 >= avx_state);
        EXPECT_EQ(policy.has(5, 5), c.xcr0 >= avx_state);
        EXPECT_EQ(policy.has(5, 16), c.xcr0 == avx512_state);
        EXPECT_EQ(policy.has(6, 1), c.xcr0 == avx512_state);
    }
    CpuidPolicy const none = CpuidPolicy::build(PolicyKind::pv_default, everything<false>, 0);
    EXPECT_FALSE(none.has(1, 26));
    EXPECT_EQ(none.features()[4], 0u);
    EXPECT_EQ(none.xcr0(), 0u);
    EXPECT_EQ(cpuid_of(none, {}, 0, 1, 0xd, 0).ebx, 0u);
}

TEST(PvCpuidPolicy, OsxsaveIsShownBeforeTheGuestSetsIt)
{
    CpuidPolicy const with = CpuidPolicy::build(PolicyKind::control, everything<false>, avx_state);
    EXPECT_TRUE(cpuid_of(with, {}, 0, 1, 1, 0).ecx >> 27 & 1);
    CpuidPolicy const without = CpuidPolicy::build(PolicyKind::control, everything<false>, 0);
    EXPECT_FALSE(cpuid_of(without, {}, 0, 1, 1, 0).ecx >> 27 & 1);
}

TEST(PvCpuidPolicy, SizesFollowTheVcpusCurrentState)
{
    CpuidPolicy const policy = CpuidPolicy::build(PolicyKind::control, everything<false>, avx512_state);
    EXPECT_EQ(cpuid_of(policy, {}, 0, 1, 0xd, 0).ebx, 576u);
    EXPECT_EQ(cpuid_of(policy, {}, 0, avx_state, 0xd, 0).ebx, 832u);
    EXPECT_EQ(cpuid_of(policy, {}, 0, avx_state, 0xd, 0).ecx, 2688u);
    EXPECT_EQ(cpuid_of(policy, {}, 0, avx512_state, 0xd, 1).ebx, 2432u);
}

TEST(PvCpuidPolicy, IdentityHidesTheHostsTopology)
{
    CpuidPolicy const policy = CpuidPolicy::build(PolicyKind::pv_default, everything<false>, avx_state);
    CpuidRegisters const one = cpuid_of(policy, {}, 5, 1, 1, 0);
    EXPECT_EQ(one.eax, 0x000506e3u);
    EXPECT_EQ(one.ebx, 10u << 24 | 1u << 16 | 0x5678);
    EXPECT_EQ(policy.find(4, 0).eax, 0x121u);
    EXPECT_EQ(policy.find(4, 3).eax, 0u);
    EXPECT_EQ(policy.find(0xb, 0).ebx, 0u);
    EXPECT_EQ(policy.find(5).eax, 0u);
    EXPECT_EQ(policy.find(6).eax, 0u);
    EXPECT_EQ(policy.find(0xa).eax, 0u);
    EXPECT_EQ(policy.find(0x80000008).eax, 0x3034u);
    EXPECT_EQ(policy.find(0x80000008).ecx, 0u);
    EXPECT_EQ(policy.find(0).eax, 0xdu);
    EXPECT_EQ(policy.find(0x80000000).eax, 0x80000008u);
    EXPECT_EQ(policy.find(0x14).eax, 0u);
    EXPECT_EQ(policy.find(0x80000100).eax, 0u);
    EXPECT_EQ(CpuidPolicy::build(PolicyKind::host, everything<false>, 0).find(6).eax, ~0u);
}

TEST(PvCpuidPolicy, LeavesAreSortedAndUnique)
{
    for (HostCpuid host : {everything<false>, everything<true>})
        for (PolicyKind kind : {PolicyKind::host, PolicyKind::pv_max}) {
            CpuidPolicy const policy = CpuidPolicy::build(kind, host, avx512_state);
            auto const leaves = policy.leaves();
            ASSERT_GT(leaves.size(), 10u);
            for (std::size_t i = 1; i < leaves.size(); ++i)
                EXPECT_LT(std::pair(leaves[i - 1].leaf, leaves[i - 1].subleaf),
                          std::pair(leaves[i].leaf, leaves[i].subleaf));
        }
}

TEST(PvCpuidPolicy, HypervisorLeaves)
{
    CpuidPolicy const policy = CpuidPolicy::build(PolicyKind::pv_default, everything<false>, avx_state);
    HypervisorLeaves const facts{.tsc_khz = 2'400'000, .tsc_mul = 0xd5555555, .tsc_shift = -1, .machine_address_bits = 36};
    auto const ask = [&](std::uint32_t leaf, std::uint32_t subleaf = 0) { return cpuid_of(policy, facts, 0, 1, leaf, subleaf); };
    CpuidRegisters const first = ask(0x40000000);
    EXPECT_EQ(first.eax, 0x40000005u);
    char signature[13] = {};
    std::memcpy(signature, &first.ebx, 12);
    EXPECT_STREQ(signature, "XenVMMXenVMM");
    EXPECT_EQ(ask(0x40000001).eax, 0x00040011u);
    EXPECT_EQ(ask(0x40000002).eax, 1u);
    EXPECT_EQ(ask(0x40000002).ebx, 0x40000000u);
    EXPECT_EQ(ask(0x40000002).ecx & 1, 1u);
    EXPECT_EQ(ask(0x40000003).ecx, 2'400'000u);
    EXPECT_EQ(ask(0x40000003, 1).edx, 0xffu);
    EXPECT_EQ(ask(0x40000003, 2).eax, 2'400'000u);
    EXPECT_EQ(ask(0x40000004).eax, 0u);
    EXPECT_EQ(ask(0x40000005).ebx, 36u);
    EXPECT_EQ(ask(0x40000006).eax, 0u);
    EXPECT_EQ(ask(0x40000100).eax, 0u) << "a second signature would be found first or twice";
}

TEST(PvCpuidPolicy, ControllerTakesAwayButNeverAdds)
{
    CpuidPolicy const most = CpuidPolicy::build(PolicyKind::pv_max, everything<false>, avx512_state);
    CpuidPolicy policy = CpuidPolicy::build(PolicyKind::pv_default, everything<false>, avx512_state);

    CpuidLeaf greedy[] = {{1, no_subleaf, {0x000306c3, ~0u, ~0u, ~0u}},
                          {7, 0, {~0u, ~0u, ~0u, ~0u}},
                          {0xd, 0, {~0u, ~0u, ~0u, ~0u}},
                          {0xd, 1, {~0u, ~0u, ~0u, ~0u}},
                          {0x80000001, no_subleaf, {~0u, ~0u, ~0u, ~0u}},
                          {0x80000007, no_subleaf, {~0u, ~0u, ~0u, ~0u}},
                          {0x80000008, no_subleaf, {0xff, ~0u, ~0u, ~0u}},
                          {0x40000000, no_subleaf, {1, 2, 3, 4}},
                          {0x12345678, 9, {1, 2, 3, 4}}};
    ASSERT_TRUE(policy.apply(greedy, most));
    EXPECT_EQ(policy.features(), most.features());
    EXPECT_EQ(policy.xcr0(), avx512_state);
    EXPECT_EQ(policy.find(1).eax, 0x000306c3u) << "another model of the same vendor";
    EXPECT_EQ(policy.find(1).ebx >> 16, 1u);
    EXPECT_EQ(policy.find(7, 0).eax, 2u);
    EXPECT_EQ(policy.find(0x80000008).eax, 0x3034u);
    EXPECT_EQ(policy.find(0x40000000).eax, 0u);

    CpuidLeaf const no_avx[] = {{1, no_subleaf, {0x000306c3, 0, most.find(1).ecx & ~(1u << 28), most.find(1).edx}}};
    ASSERT_TRUE(policy.apply(no_avx, most));
    EXPECT_EQ(policy.xcr0(), 3u);
    EXPECT_FALSE(policy.has(5, 5)) << "AVX2 needs AVX";
    EXPECT_EQ(policy.find(0xd, 2).eax, 0u);
    EXPECT_EQ(policy.find(0xd, 0).ecx, 576u);

    CpuidLeaf const no_xsave[] = {{1, no_subleaf, {0x000306c3, 0, 0, most.find(1).edx}}};
    ASSERT_TRUE(policy.apply(no_xsave, most));
    EXPECT_EQ(policy.xcr0(), 0u);
    EXPECT_EQ(policy.features()[4], 0u);
    EXPECT_TRUE(policy.has(1, 31)) << "a guest without this bit would not look for us";

    ASSERT_TRUE(policy.apply(greedy, most));
    EXPECT_EQ(policy.xcr0(), avx512_state) << "what was taken away can come back";
    EXPECT_EQ(policy.find(0xd, 7).eax, 1024u);
}

TEST(PvCpuidPolicy, AnotherVendorIsRefusedAsAWhole)
{
    CpuidPolicy const most = CpuidPolicy::build(PolicyKind::pv_max, everything<false>, avx_state);
    CpuidPolicy policy = most;
    CpuidLeaf const foreign[] = {{1, no_subleaf, {1, 2, 0, 0}}, {0, no_subleaf, everything<true>(0, 0)}};
    EXPECT_EQ(policy.apply(foreign, most).error(), Errno::einval);
    EXPECT_EQ(policy.features(), most.features());
}

} // namespace
} // namespace rf::pvcpu
