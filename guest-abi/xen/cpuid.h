// SPDX-License-Identifier: MIT
/// The hypervisor's own CPUID leaves and the prefix that asks for emulated CPUID.
/// Leaf +0: EAX highest leaf, EBX:ECX:EDX signature. +1: EAX version, major << 16 | minor.
/// +2: EAX number of hypercall pages, EBX their MSR, ECX features. +3: time. +4: HVM only.
/// +5: EBX machine address width. Sources: arch-x86/cpuid.h, arch-x86/xen.h.
#pragma once

#include "xen/abi.h"

/// In PV kernels: these bytes in front of CPUID make it trap and show the guest's policy.
/// (`ud2` followed by the letters "xen".)
#define XEN_EMULATE_PREFIX ".byte 0x0f,0x0b,0x78,0x65,0x6e ; "
/// A CPUID instruction so prefixed, for inline assembly.
#define XEN_CPUID XEN_EMULATE_PREFIX "cpuid"

XEN_ABI_BEGIN

XEN_ABI_CONSTANT(uint32_t, XEN_CPUID_FIRST_LEAF, 0x40000000u)
/// "XenVMMXenVMM" in EBX, ECX, EDX of the first leaf.
XEN_ABI_CONSTANT(uint32_t, XEN_CPUID_SIGNATURE_EBX, 0x566e6558u)
XEN_ABI_CONSTANT(uint32_t, XEN_CPUID_SIGNATURE_ECX, 0x65584d4du)
XEN_ABI_CONSTANT(uint32_t, XEN_CPUID_SIGNATURE_EDX, 0x4d4d566eu)

/// Number of the i-th hypervisor leaf.
XEN_ABI_INLINE uint32_t XEN_CPUID_LEAF(uint32_t i) { return XEN_CPUID_FIRST_LEAF + i; }

XEN_ABI_ENUM(xen_cpuid, uint32_t) {
    /// Leaf +2, ECX: MMU_PT_UPDATE_PRESERVE_AD works.
    XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD = 1 << 0,
    /// Leaf +5, EBX: bits of the highest machine address; above 44 guests want grants of version 2.
    XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK = 0xff,
    /// Highest leaf, relative to the first.
    XEN_CPUID_MAX_NUM_LEAVES = 5
};

/// Leaf +3 sub-leaf 0, EAX.
XEN_ABI_ENUM(xen_cpuid_tsc, uint32_t) {
    XEN_CPUID_TSC_EMULATED = 1 << 0,
    XEN_CPUID_TSC_HOST_RELIABLE = 1 << 1,
    XEN_CPUID_TSC_RDTSCP = 1 << 2
};

XEN_ABI_END
