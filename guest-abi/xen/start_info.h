// SPDX-License-Identifier: MIT
/// The boot-time page a PV guest finds through RSI at its first instruction. Source: xen.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Lengths of start_info's two character arrays, in bytes.
XEN_ABI_ENUM(start_info_limit, uint32_t) {
    START_INFO_MAGIC_SIZE = 32,
    MAX_GUEST_CMDLINE = 1024
};

/// Bits of start_info.flags.
XEN_ABI_ENUM(start_info_flag, uint32_t) {
    /// The domain may make privileged hypercalls.
    SIF_PRIVILEGED = 1 << 0,
    /// The domain is the control domain (domain 0).
    SIF_INITDOMAIN = 1 << 1,
    /// mod_start names a multiboot module list instead of one module.
    SIF_MULTIBOOT_MOD = 1 << 2,
    /// mod_start is a pseudo-physical frame number; the module is not mapped.
    SIF_MOD_START_PFN = 1 << 3,
    /// The toolstack can read the virtually mapped linear p2m list (arch_shared_info.p2m_vaddr).
    SIF_VIRT_P2M_4TOOLS = 1 << 4,
    /// Power-management capabilities handed to the control domain (XEN_PROCESSOR_PM_*), shifted by 8.
    SIF_PM_MASK = 0xff << 8
};

/// Facts a new guest needs before it can make its first hypercall. 1168 bytes, page aligned,
/// followed in Dom0's page by the dom0_vga_console_info.
struct start_info {
    /// Text "xen-<major>.<minor>-<architecture>", NUL padded.
    char magic[START_INFO_MAGIC_SIZE];
    /// Number of pseudo-physical frames of the initial reservation.
    uint64_t nr_pages;
    /// Machine address in bytes of the shared_info page (page aligned).
    uint64_t shared_info;
    /// SIF_* bits.
    uint32_t flags;
    /// Machine frame of the XenStore ring; 0 in the control domain that hosts the store.
    xen_pfn_t store_mfn;
    /// Event-channel port of the XenStore ring.
    uint32_t store_evtchn;
    union {
        /// Of an ordinary domain: the console ring's machine frame and port.
        struct {
            xen_pfn_t mfn;
            uint32_t evtchn;
        } domU;
        /// Of the control domain: where dom0_vga_console_info lies.
        struct {
            /// Bytes from the start of start_info.
            uint32_t info_off;
            /// Bytes; 0 when there is no such record.
            uint32_t info_size;
        } dom0;
    } console;
    /// Virtual address of the initial top-level page table.
    uint64_t pt_base;
    /// Number of initial page-table frames, contiguous from pt_base.
    uint64_t nr_pt_frames;
    /// Virtual address of the array that gives the machine frame of each pseudo-physical frame.
    uint64_t mfn_list;
    /// Virtual address of the boot module (initrd), or a frame number with SIF_MOD_START_PFN.
    uint64_t mod_start;
    /// Bytes of the boot module; 0 when there is none.
    uint64_t mod_len;
    /// Kernel command line, NUL terminated.
    char cmd_line[MAX_GUEST_CMDLINE];
    /// First pseudo-physical frame of the p2m array and its tables, if it lies outside the
    /// initial kernel mapping; else 0.
    uint64_t first_p2m_pfn;
    /// Number of frames starting at first_p2m_pfn; else 0.
    uint64_t nr_p2m_frames;
};

XEN_ABI_SIZE(struct start_info, 1168)
XEN_ABI_OFFSET(struct start_info, nr_pages, 32)
XEN_ABI_OFFSET(struct start_info, console, 72)
XEN_ABI_OFFSET(struct start_info, pt_base, 88)
XEN_ABI_OFFSET(struct start_info, mod_start, 112)
XEN_ABI_OFFSET(struct start_info, cmd_line, 128)
XEN_ABI_OFFSET(struct start_info, first_p2m_pfn, 1152)

/// One element of the list that SIF_MULTIBOOT_MOD announces. All members are pseudo-physical
/// addresses in bytes.
struct xen_multiboot_mod_list {
    /// First byte of the module.
    uint32_t mod_start;
    /// First byte behind the module.
    uint32_t mod_end;
    /// The module's NUL-terminated command line.
    uint32_t cmdline;
    /// Must be zero.
    uint32_t pad;
};

XEN_ABI_SIZE(struct xen_multiboot_mod_list, 16)

XEN_ABI_END
