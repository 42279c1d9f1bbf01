// SPDX-License-Identifier: MIT
#include "pvcpu/feature_rules.hpp"

#include "cpu/registers.hpp"

#include <algorithm>
#include <initializer_list>

namespace rf::pvcpu {

namespace {

constexpr FeaturePlace places[] = {
    {0, 1, no_subleaf, &CpuidRegisters::edx},           {1, 1, no_subleaf, &CpuidRegisters::ecx},
    {2, 0x80000001, no_subleaf, &CpuidRegisters::edx},  {3, 0x80000001, no_subleaf, &CpuidRegisters::ecx},
    {4, 0xd, 1, &CpuidRegisters::eax},                  {5, 7, 0, &CpuidRegisters::ebx},
    {6, 7, 0, &CpuidRegisters::ecx},                    {7, 0x80000007, no_subleaf, &CpuidRegisters::edx},
    {8, 0x80000008, no_subleaf, &CpuidRegisters::ebx},  {9, 7, 0, &CpuidRegisters::edx},
    {10, 7, 1, &CpuidRegisters::eax},                   {11, 0x80000021, no_subleaf, &CpuidRegisters::eax},
    {12, 7, 1, &CpuidRegisters::ebx},                   {13, 7, 2, &CpuidRegisters::edx},
    {14, 7, 1, &CpuidRegisters::ecx},                   {15, 7, 1, &CpuidRegisters::edx},
    {18, 0x80000021, no_subleaf, &CpuidRegisters::ecx},
};

consteval std::uint32_t bits(std::initializer_list<unsigned> numbers)
{
    std::uint32_t word = 0;
    for (unsigned number : numbers)
        word |= 1u << number;
    return word;
}

/// Features that work in ring 3 without help, or with the help that we give. Absent, and why: page-table features (PSE,
/// PGE, PSE36, PAGE1GB, PKU, LA57, PCID, INVPCID, SMEP, SMAP, UMIP), the guest owns neither its CR4 nor its TLB; features
/// behind MSRs that we do not virtualise (MTRR, MCE and MCA, ACPI, TM, DS, PMU, X2APIC, TSC_DEADLINE, TSC_ADJUST, TSC_AUX
/// with RDTSCP and RDPID, speculation control, OSVW, DBEXT); topology (HTT, CMP_LEGACY, TOPOEXT); nested virtualisation;
/// MONITOR; FSGSBASE, since the bases are kept by software at every switch; state components that we do not save (MPX,
/// AMX, PT, CET) and XSAVES; transactional memory, which microcode may take away at any time.
constexpr FeatureSet guest_features = {
    /* 1.edx        */ bits({0, 2, 4, 5, 6, 8, 9, 11, 15, 16, 19, 23, 24, 25, 26, 27}),
    /* 1.ecx        */ bits({0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 28, 29, 30}),
    /* 80000001.edx */ bits({11, 20, 22, 29, 30, 31}),
    /* 80000001.ecx */ bits({0, 5, 6, 7, 8, 11, 16, 21}),
    /* d.1.eax      */ bits({0, 1, 2}),
    /* 7.0.ebx      */ bits({3, 5, 6, 8, 9, 13, 16, 17, 18, 19, 21, 23, 24, 26, 27, 28, 29, 30, 31}),
    /* 7.0.ecx      */ bits({0, 1, 6, 8, 9, 10, 11, 12, 14, 25, 27, 28}),
    /* 80000007.edx */ bits({8}),
    /* 80000008.ebx */ bits({0, 2, 26, 29}),
    /* 7.0.edx      */ bits({2, 3, 4, 8, 10, 14}),
    /* 7.1.eax      */ bits({4, 5, 10, 11, 12}),
    /* 80000021.eax */ bits({2, 5, 6, 29, 30}),
    /* 7.1.ebx      */ 0,
    /* 7.2.edx      */ bits({5}),
    /* 7.1.ecx      */ 0,
    /* 7.1.edx      */ 0,
    /* arch. caps.  */ 0,
    /* arch. caps.  */ 0,
    /* 80000021.ecx */ bits({1, 2}),
};

/// Features that use the upper halves of the YMM registers.
constexpr FeatureSet needs_avx = {0, bits({12, 28, 29}), 0, bits({11, 16}), 0, bits({5}), bits({9, 10}), 0, 0, 0, bits({4})};
/// Features that use AVX-512's registers.
constexpr FeatureSet needs_avx512 = {0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     bits({16, 17, 21, 26, 27, 28, 30, 31}),
                                     bits({1, 6, 11, 12, 14}),
                                     0,
                                     0,
                                     bits({2, 3, 8}),
                                     bits({5})};
constexpr FeatureSet needs_xsave = {0, bits({26}), 0, 0, ~0u};

/// Bits of 80000001.edx that repeat those of 1.edx on AMD's processors; reserved on Intel's.
constexpr std::uint32_t repeated_bits = 0x0183f3ff;

void remove(FeatureSet& set, FeatureSet const& features)
{
    for (std::size_t word = 0; word < set.size(); ++word)
        set[word] &= ~features[word];
}

} // namespace

ProcessorVendor vendor_of(CpuidRegisters leaf_0)
{
    switch (leaf_0.ebx) {
    case 0x756e6547: // "Genu"ineIntel
        return ProcessorVendor::intel;
    case 0x68747541: // "Auth"enticAMD
    case 0x6f677948: // "Hygo"nGenuine
        return ProcessorVendor::amd;
    default:
        return ProcessorVendor::other;
    }
}

std::span<FeaturePlace const> feature_places() { return places; }

FeatureSet allowed_features(FeatureSet const& host, PolicyKind kind, ProcessorVendor vendor, std::uint64_t xcr0)
{
    FeatureSet set = host;
    for (std::size_t word = 0; word < set.size(); ++word)
        set[word] &= guest_features[word];
    if (vendor == ProcessorVendor::amd)
        word_of(set, Feature::sysenter) &= ~bit_of(Feature::sysenter); // not in 64-bit mode there
    if (kind == PolicyKind::pv_default) // a guest that may be migrated must not rely on the counter's rate
        word_of(set, Feature::invariant_tsc) &= ~bit_of(Feature::invariant_tsc);
    word_of(set, Feature::hypervisor) |= bit_of(Feature::hypervisor);
    return consistent(set, vendor, xcr0);
}

FeatureSet consistent(FeatureSet set, ProcessorVendor vendor, std::uint64_t xcr0)
{
    if ((xcr0 & cpu::xcr0::avx512) != cpu::xcr0::avx512)
        remove(set, needs_avx512);
    if (!(xcr0 & cpu::xcr0::avx)) {
        remove(set, needs_avx512);
        remove(set, needs_avx);
    }
    if (xcr0 == 0)
        remove(set, needs_xsave);
    set[2] &= ~repeated_bits;
    if (vendor == ProcessorVendor::amd)
        set[2] |= set[0] & repeated_bits;
    return set;
}

std::uint64_t components_of(FeatureSet const& set, std::uint64_t xcr0)
{
    if (!has(set, Feature::xsave))
        return 0;
    if (!has(set, Feature::avx))
        return xcr0 & (cpu::xcr0::x87 | cpu::xcr0::sse);
    return has(set, Feature::avx512f) ? xcr0 : xcr0 & ~cpu::xcr0::avx512;
}

} // namespace rf::pvcpu
