// SPDX-License-Identifier: MIT
/// Types of the ELF notes, owner "Xen", by which a kernel image tells how it wants to be loaded.
/// Numeric notes hold 1, 2, 4 or 8 bytes, texts end in NUL. Source: elfnote.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

XEN_ABI_ENUM(xen_elfnote, uint32_t) {
    /// Text of further, informative pairs.
    XEN_ELFNOTE_INFO = 0,
    /// Virtual address of the first instruction.
    XEN_ELFNOTE_ENTRY = 1,
    /// Virtual address of the page to fill with hypercall stubs; optional.
    XEN_ELFNOTE_HYPERCALL_PAGE = 2,
    /// Virtual address of pseudo-physical address 0.
    XEN_ELFNOTE_VIRT_BASE = 3,
    /// Subtracted from each segment's p_paddr before VIRT_BASE is added.
    XEN_ELFNOTE_PADDR_OFFSET = 4,
    /// Text, "xen-3.0".
    XEN_ELFNOTE_XEN_VERSION = 5,
    /// Text.
    XEN_ELFNOTE_GUEST_OS = 6,
    /// Text.
    XEN_ELFNOTE_GUEST_VERSION = 7,
    /// Text, "generic".
    XEN_ELFNOTE_LOADER = 8,
    /// Text; of no effect in 64 bits.
    XEN_ELFNOTE_PAE_MODE = 9,
    /// Text: feature names separated by '|'; '!' in front marks a required one.
    XEN_ELFNOTE_FEATURES = 10,
    /// Load the symbol table too.
    XEN_ELFNOTE_BSD_SYMTAB = 11,
    /// Lowest virtual address the hypervisor may take.
    XEN_ELFNOTE_HV_START_LOW = 12,
    /// Pairs (mask, value): a level-1 entry is valid if entry & mask == value.
    XEN_ELFNOTE_L1_MFN_VALID = 13,
    /// Nonzero: SCHEDOP_shutdown(suspend) may return 1 to say that it was cancelled.
    XEN_ELFNOTE_SUSPEND_CANCEL = 14,
    /// Virtual address wanted for the initial p2m array.
    XEN_ELFNOTE_INIT_P2M = 15,
    /// Nonzero: the boot module need not be mapped.
    XEN_ELFNOTE_MOD_START_PFN = 16,
    /// Bitmap of XENFEAT_* the kernel can live with.
    XEN_ELFNOTE_SUPPORTED_FEATURES = 17,
    /// Physical entry point of a PVH start.
    XEN_ELFNOTE_PHYS32_ENTRY = 18,
    XEN_ELFNOTE_MAX = XEN_ELFNOTE_PHYS32_ENTRY,
    /// Notes in dumps.
    XEN_ELFNOTE_CRASH_INFO = 0x1000001,
    XEN_ELFNOTE_CRASH_REGS = 0x1000002,
    XEN_ELFNOTE_DUMPCORE_NONE = 0x2000000,
    XEN_ELFNOTE_DUMPCORE_HEADER = 0x2000001,
    XEN_ELFNOTE_DUMPCORE_XEN_VERSION = 0x2000002,
    XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION = 0x2000003
};

XEN_ABI_END
