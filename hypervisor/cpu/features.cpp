// SPDX-License-Identifier: MIT
#include "cpu/features.hpp"

#include <cstring>
#include <string_view>

namespace rf::cpu {
namespace {

constinit Features collected;

void read_identity(Features& f)
{
    CpuidResult const zero = cpuid(0);
    f.max_leaf = zero.eax;
    std::memcpy(f.vendor_text.data(), &zero.ebx, 4);
    std::memcpy(f.vendor_text.data() + 4, &zero.edx, 4);
    std::memcpy(f.vendor_text.data() + 8, &zero.ecx, 4);
    std::string_view const name{f.vendor_text.data(), 12};
    if (name == "GenuineIntel")
        f.vendor = Vendor::intel;
    else if (name == "AuthenticAMD")
        f.vendor = Vendor::amd;
    else if (name == "HygonGenuine")
        f.vendor = Vendor::hygon;

    std::uint32_t const signature = cpuid(1).eax;
    f.stepping = signature & 15;
    f.model = signature >> 4 & 15;
    f.family = signature >> 8 & 15;
    if (f.family == 6 || f.family == 15)
        f.model |= signature >> 12 & 0xf0;
    if (f.family == 15)
        f.family += signature >> 20 & 0xff;
}

void read_standard(Features& f)
{
    CpuidResult const one = cpuid(1);
    f.xsave = bit(one.ecx, 26);
    f.x2apic = bit(one.ecx, 21);
    f.tsc_deadline = bit(one.ecx, 24);
    f.machine_check = bit(one.edx, 7);
    f.global_pages = bit(one.edx, 13);
    if (f.max_leaf >= 6)
        f.always_running_apic_timer = bit(cpuid(6).eax, 2);
    if (f.max_leaf >= 7) {
        CpuidResult const seven = cpuid(7);
        f.fsgsbase = bit(seven.ebx, 0);
        f.smep = bit(seven.ebx, 7);
        f.invpcid = bit(seven.ebx, 10);
        f.smap = bit(seven.ebx, 20);
        f.umip = bit(seven.ecx, 2);
    }
    if (f.xsave && f.max_leaf >= 0xd) {
        CpuidResult const components = cpuid(0xd, 0);
        f.xcr0_supported = static_cast<std::uint64_t>(components.edx) << 32 | components.eax;
        f.xsaveopt = bit(cpuid(0xd, 1).eax, 0);
    }
}

/// Who, if anybody, made the machine that we run on (CPUID 1, ECX bit 31, announces leaf 40000000h).
void read_maker(Features& f)
{
    if (!bit(cpuid(1).ecx, 31))
        return;
    CpuidResult const maker = cpuid(0x4000'0000);
    std::uint32_t const words[]{maker.ebx, maker.ecx, maker.edx};
    f.emulated = std::memcmp(words, "TCGTCGTCGTCG", sizeof words) == 0;
}

void read_extended(Features& f)
{
    f.max_extended_leaf = cpuid(0x8000'0000).eax;
    CpuidResult const one = cpuid(0x8000'0001);
    f.no_execute = bit(one.edx, 20);
    f.one_gib_pages = bit(one.edx, 26);
    f.rdtscp = bit(one.edx, 27);
    for (std::uint32_t i = 0; i < 3 && f.max_extended_leaf >= 0x8000'0004; ++i) {
        CpuidResult const part = cpuid(0x8000'0002 + i);
        std::memcpy(f.brand.data() + i * 16, &part, 16);
    }
    if (f.max_extended_leaf >= 0x8000'0007)
        f.tsc_invariant = bit(cpuid(0x8000'0007).edx, 8);
    if (f.max_extended_leaf >= 0x8000'0008) {
        CpuidResult const eight = cpuid(0x8000'0008);
        f.physical_address_bits = eight.eax & 0xff;
        f.xsave_error_pointers = bit(eight.ebx, 2);
    }
}

} // namespace

Features const& host() { return collected; }
void forget_global_pages() { collected.global_pages = false; }

void collect_features()
{
    read_identity(collected);
    read_maker(collected);
    read_standard(collected);
    read_extended(collected);
}

} // namespace rf::cpu
