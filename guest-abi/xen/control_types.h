// SPDX-License-Identifier: MIT
/// Types that domctl and sysctl share: bitmaps, CPU policy entries and the architecture's part
/// of a domain's configuration. Sources: xen.h, arch-x86/xen.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// A bitmap of CPUs or nodes in the caller's memory. 16 bytes.
struct xenctl_bitmap {
    XEN_HANDLE(uint8_t) bitmap;
    /// Bits in it.
    uint32_t nr_bits;
};

XEN_ABI_SIZE(struct xenctl_bitmap, 16)

/// Devices emulated for a domain (xen_arch_domainconfig.emulation_flags); none for PV.
XEN_ABI_ENUM(x86_emulation_flag, uint32_t) {
    XEN_X86_EMU_LAPIC = 1 << 0,
    XEN_X86_EMU_HPET = 1 << 1,
    XEN_X86_EMU_PM = 1 << 2,
    XEN_X86_EMU_RTC = 1 << 3,
    XEN_X86_EMU_IOAPIC = 1 << 4,
    XEN_X86_EMU_PIC = 1 << 5,
    XEN_X86_EMU_VGA = 1 << 6,
    XEN_X86_EMU_IOMMU = 1 << 7,
    XEN_X86_EMU_PIT = 1 << 8,
    XEN_X86_EMU_USE_PIRQ = 1 << 9,
    XEN_X86_EMU_VPCI = 1 << 10,
    XEN_X86_EMU_ALL = 0x7ff
};

/// Bits of xen_arch_domainconfig.misc_flags.
XEN_ABI_ENUM(x86_misc_flag, uint32_t) {
    /// Reads of unknown MSRs give 0 instead of a fault.
    XEN_X86_MSR_RELAXED = 1 << 0,
    XEN_X86_MISC_FLAGS_MAX = XEN_X86_MSR_RELAXED
};

/// The x86 part of a domain's configuration. 8 bytes.
struct xen_arch_domainconfig {
    /// XEN_X86_EMU_* bits.
    uint32_t emulation_flags;
    /// XEN_X86_* bits.
    uint32_t misc_flags;
};

XEN_ABI_SIZE(struct xen_arch_domainconfig, 8)

/// xen_cpuid_leaf.subleaf of a leaf without sub-leaves.
XEN_ABI_CONSTANT(uint32_t, XEN_CPUID_NO_SUBLEAF, 0xffffffffu)

/// One CPUID leaf of a CPU policy. 24 bytes. Arrays are sorted by (leaf, subleaf).
struct xen_cpuid_leaf {
    uint32_t leaf, subleaf;
    /// EAX, EBX, ECX, EDX.
    uint32_t a, b, c, d;
};

XEN_ABI_SIZE(struct xen_cpuid_leaf, 24)

/// One model-specific register of a CPU policy. 16 bytes. Arrays are sorted by idx.
struct xen_msr_entry {
    uint32_t idx;
    /// Must be zero.
    uint32_t flags;
    uint64_t val;
};

XEN_ABI_SIZE(struct xen_msr_entry, 16)

/// Which CPUID register each 32-bit word of a featureset holds (arch-x86/cpufeatureset.h).
XEN_ABI_ENUM(featureset_word, uint32_t) {
    /// Leaf 1 EDX, ECX.
    FEATURESET_1d = 0,
    FEATURESET_1c = 1,
    /// Leaf 0x80000001 EDX, ECX.
    FEATURESET_e1d = 2,
    FEATURESET_e1c = 3,
    /// Leaf 0xd sub-leaf 1 EAX.
    FEATURESET_Da1 = 4,
    /// Leaf 7 sub-leaf 0 EBX, ECX.
    FEATURESET_7b0 = 5,
    FEATURESET_7c0 = 6,
    /// Leaf 0x80000007 EDX.
    FEATURESET_e7d = 7,
    /// Leaf 0x80000008 EBX.
    FEATURESET_e8b = 8,
    /// Leaf 7 sub-leaf 0 EDX.
    FEATURESET_7d0 = 9,
    /// Leaf 7 sub-leaf 1 EAX.
    FEATURESET_7a1 = 10,
    /// Leaf 0x80000021 EAX.
    FEATURESET_e21a = 11,
    /// Leaf 7 sub-leaf 1 EBX.
    FEATURESET_7b1 = 12,
    /// Leaf 7 sub-leaf 2 EDX.
    FEATURESET_7d2 = 13,
    /// Leaf 7 sub-leaf 1 ECX, EDX.
    FEATURESET_7c1 = 14,
    FEATURESET_7d1 = 15,
    /// MSR_ARCH_CAPS, low and high half.
    FEATURESET_m10Al = 16,
    FEATURESET_m10Ah = 17,
    /// Leaf 0x80000021 ECX.
    FEATURESET_e21c = 18,
    FEATURESET_NR_WORDS = 19
};

/// Schedulers.
XEN_ABI_ENUM(scheduler_id, uint32_t) {
    XEN_SCHEDULER_CREDIT = 5,
    XEN_SCHEDULER_CREDIT2 = 6,
    XEN_SCHEDULER_ARINC653 = 7,
    XEN_SCHEDULER_RTDS = 8,
    XEN_SCHEDULER_NULL = 9
};

XEN_ABI_END
