// SPDX-License-Identifier: MIT
/// Arguments of domctls that read and write a domain's state for building, saving, restoring and
/// migrating: contexts, extended state, page types, dirty pages, time stamp counter, CPU policy.
/// Source: domctl.h.
#pragma once

#include "xen/abi.h"
#include "xen/control_types.h"
#include "xen/trap.h"

XEN_ABI_BEGIN

/// Page types of getpageframeinfo3, in the top four bits of a 32-bit word.
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_LTAB_SHIFT, 28u)
/// An ordinary page.
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_NOTAB, 0x00000000u)
/// Page tables by level.
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_L1TAB, 0x10000000u)
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_L2TAB, 0x20000000u)
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_L3TAB, 0x30000000u)
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_L4TAB, 0x40000000u)
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_LTABTYPE_MASK, 0x70000000u)
/// Added to a page table that is pinned.
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_LPINTAB, 0x80000000u)
/// No page of the domain.
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_XTAB, 0xf0000000u)
/// In a save stream: allocate only.
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_XALLOC, 0xe0000000u)
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_BROKEN, 0xd0000000u)
XEN_ABI_CONSTANT(uint32_t, XEN_DOMCTL_PFINFO_LTAB_MASK, 0xf0000000u)

/// getpageframeinfo3: types of up to 1024 frames. 16 bytes.
struct xen_domctl_getpageframeinfo3 {
    /// Elements.
    uint64_t num;
    /// In: machine frames; out: XEN_DOMCTL_PFINFO_* in their place.
    XEN_HANDLE(xen_pfn_t) array;
};

XEN_ABI_SIZE(struct xen_domctl_getpageframeinfo3, 16)

/// Commands of shadow_op, and bits of its mode.
XEN_ABI_ENUM(domctl_shadow, uint32_t) {
    /// Stop tracking.
    XEN_DOMCTL_SHADOW_OP_OFF = 0,
    XEN_DOMCTL_SHADOW_OP_ENABLE_TEST = 1,
    /// Track pages written.
    XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY = 2,
    /// Copy the bitmap out and clear it.
    XEN_DOMCTL_SHADOW_OP_CLEAN = 11,
    /// Copy the bitmap out.
    XEN_DOMCTL_SHADOW_OP_PEEK = 12,
    XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION = 30,
    XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION = 31,
    XEN_DOMCTL_SHADOW_OP_ENABLE = 32,
    XEN_DOMCTL_SHADOW_ENABLE_REFCOUNT = 1 << 1,
    XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY = 1 << 2,
    XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE = 1 << 3,
    XEN_DOMCTL_SHADOW_ENABLE_EXTERNAL = 1 << 4,
    /// Mode of the last CLEAN or PEEK, the domain being stopped.
    XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL = 1 << 0
};

/// Counters since the last CLEAN. 8 bytes.
struct xen_domctl_shadow_op_stats {
    uint32_t fault_count;
    uint32_t dirty_count;
};

XEN_ABI_SIZE(struct xen_domctl_shadow_op_stats, 8)

/// shadow_op: dirty-page tracking. 40 bytes.
struct xen_domctl_shadow_op {
    /// XEN_DOMCTL_SHADOW_OP_*.
    uint32_t op;
    uint32_t mode;
    /// Memory for shadow tables, MiB.
    uint32_t mb;
    /// One bit per pseudo-physical frame.
    XEN_HANDLE(uint8_t) dirty_bitmap;
    /// In: bits wanted; out: bits copied.
    uint64_t pages;
    struct xen_domctl_shadow_op_stats stats;
};

XEN_ABI_SIZE(struct xen_domctl_shadow_op, 40)

/// get/setvcpucontext. 16 bytes.
struct xen_domctl_vcpucontext {
    uint32_t vcpu;
    XEN_HANDLE(struct vcpu_guest_context) ctxt;
};

XEN_ABI_SIZE(struct xen_domctl_vcpucontext, 16)

/// Virtual machine-check state of a vCPU (arch-x86/hvm/save.h). 32 bytes.
struct hvm_vmce_vcpu {
    /// MCG_CAP.
    uint64_t caps;
    uint64_t mci_ctl2_bank0;
    uint64_t mci_ctl2_bank1;
    uint64_t mcg_ext_ctl;
};

XEN_ABI_SIZE(struct hvm_vmce_vcpu, 32)

/// get/set_ext_vcpucontext: what vcpu_guest_context has no room for. 64 bytes.
struct xen_domctl_ext_vcpucontext {
    uint32_t vcpu;
    /// In to set: bytes of this structure that count; out of get: bytes filled.
    uint32_t size;
    uint64_t syscall32_callback_eip;
    uint64_t sysenter_callback_eip;
    uint16_t syscall32_callback_cs;
    uint16_t sysenter_callback_cs;
    uint8_t syscall32_disables_events;
    uint8_t sysenter_disables_events;
    struct hvm_vmce_vcpu vmce;
};

XEN_ABI_SIZE(struct xen_domctl_ext_vcpucontext, 64)
XEN_ABI_OFFSET(struct xen_domctl_ext_vcpucontext, vmce, 32)

/// get/settscinfo. 24 bytes.
struct xen_domctl_tsc_info {
    /// 0 by hardware's quality, 1 always emulated, 2 never.
    uint32_t tsc_mode;
    uint32_t gtsc_khz;
    /// How often the domain was restored.
    uint32_t incarnation;
    uint32_t pad;
    /// Guest time elapsed.
    uint64_t elapsed_nsec;
};

XEN_ABI_SIZE(struct xen_domctl_tsc_info, 24)

/// get/setvcpuextstate. The buffer holds XCR0, the accumulated XCR0, then the XSAVE area. 32 bytes.
struct xen_domctl_vcpuextstate {
    uint32_t vcpu;
    /// Features that may be in the area.
    uint64_t xfeature_mask;
    /// In: bytes of buffer; with 0, out: bytes needed.
    uint64_t size;
    XEN_HANDLE(uint64_t) buffer;
};

XEN_ABI_SIZE(struct xen_domctl_vcpuextstate, 32)

/// One model-specific register of a vCPU. 16 bytes.
struct xen_domctl_vcpu_msr {
    uint32_t index;
    uint32_t reserved;
    uint64_t value;
};

XEN_ABI_SIZE(struct xen_domctl_vcpu_msr, 16)

/// get/set_vcpu_msrs. 16 bytes.
struct xen_domctl_vcpu_msrs {
    uint32_t vcpu;
    /// In: capacity or number; out: number.
    uint32_t msr_count;
    XEN_HANDLE(struct xen_domctl_vcpu_msr) msrs;
};

XEN_ABI_SIZE(struct xen_domctl_vcpu_msrs, 16)

/// get/set_cpu_policy. 40 bytes.
struct xen_domctl_cpu_policy {
    /// In: capacity or number; out: number.
    uint32_t nr_leaves;
    uint32_t nr_msrs;
    XEN_HANDLE(struct xen_cpuid_leaf) leaves;
    XEN_HANDLE(struct xen_msr_entry) msrs;
    /// Out of a refused set: what was wrong, all ones where nothing was.
    uint32_t err_leaf, err_subleaf, err_msr;
};

XEN_ABI_SIZE(struct xen_domctl_cpu_policy, 40)

XEN_ABI_END
