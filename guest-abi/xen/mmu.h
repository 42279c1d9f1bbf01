// SPDX-License-Identifier: MIT
/// Direct paging: page-table updates, extended MMU operations, multicalls, assists and the part
/// of the address space that belongs to the hypervisor.
/// Sources: xen.h, arch-x86/xen-x86_64.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// The hole in every guest's address space (top-level slots 256 ... 271).
XEN_ABI_CONSTANT(uint64_t, HYPERVISOR_VIRT_START, 0xffff800000000000ull)
/// First byte behind the hole.
XEN_ABI_CONSTANT(uint64_t, HYPERVISOR_VIRT_END, 0xffff880000000000ull)
/// The read-only machine-to-physical table: one 64-bit frame number per machine frame.
XEN_ABI_CONSTANT(uint64_t, MACH2PHYS_VIRT_START, 0xffff800000000000ull)
XEN_ABI_CONSTANT(uint64_t, MACH2PHYS_VIRT_END, 0xffff804000000000ull)
/// Entries the table can hold.
XEN_ABI_CONSTANT(uint64_t, MACH2PHYS_NR_ENTRIES, (0xffff804000000000ull - 0xffff800000000000ull) >> 3)

/// Commands in the low three bits of mmu_update.ptr.
XEN_ABI_ENUM(mmu_update_command, uint32_t) {
    /// Write val to the page-table entry at machine address ptr.
    MMU_NORMAL_PT_UPDATE = 0,
    /// Make val the machine-to-physical entry of the frame of machine address ptr.
    MMU_MACHPHYS_UPDATE = 1,
    /// As the first, but keep accessed and dirty bits the processor sets meanwhile.
    MMU_PT_UPDATE_PRESERVE_AD = 2,
    /// As the first, without frame translation; for PV domains no difference.
    MMU_PT_UPDATE_NO_TRANSLATE = 3
};

/// One page-table or machine-to-physical update, 16 bytes.
struct mmu_update {
    /// Machine address of the entry; its low three bits hold the command.
    uint64_t ptr;
    /// New content.
    uint64_t val;
};

XEN_ABI_SIZE(struct mmu_update, 16)

/// Commands of HYPERVISOR_mmuext_op.
XEN_ABI_ENUM(mmuext_command, uint32_t) {
    /// mfn: validate the frame as a page table of this level and hold it so.
    MMUEXT_PIN_L1_TABLE = 0,
    MMUEXT_PIN_L2_TABLE = 1,
    MMUEXT_PIN_L3_TABLE = 2,
    MMUEXT_PIN_L4_TABLE = 3,
    /// mfn: give the pin back.
    MMUEXT_UNPIN_TABLE = 4,
    /// mfn: switch the kernel page table.
    MMUEXT_NEW_BASEPTR = 5,
    /// Flush this vCPU's translations.
    MMUEXT_TLB_FLUSH_LOCAL = 6,
    /// linear_addr: flush one translation of this vCPU.
    MMUEXT_INVLPG_LOCAL = 7,
    /// vcpumask: flush the translations of the named vCPUs.
    MMUEXT_TLB_FLUSH_MULTI = 8,
    /// linear_addr, vcpumask.
    MMUEXT_INVLPG_MULTI = 9,
    MMUEXT_TLB_FLUSH_ALL = 10,
    /// linear_addr.
    MMUEXT_INVLPG_ALL = 11,
    /// Write back and invalidate this processor's caches.
    MMUEXT_FLUSH_CACHE = 12,
    /// linear_addr, nr_ents: set the LDT.
    MMUEXT_SET_LDT = 13,
    /// mfn: set the user page table; 0 for none.
    MMUEXT_NEW_USER_BASEPTR = 15,
    /// mfn: fill the frame with zeros.
    MMUEXT_CLEAR_PAGE = 16,
    /// mfn, src_mfn: copy a frame.
    MMUEXT_COPY_PAGE = 17,
    /// Write back and invalidate all processors' caches.
    MMUEXT_FLUSH_CACHE_GLOBAL = 18,
    MMUEXT_MARK_SUPER = 19,
    MMUEXT_UNMARK_SUPER = 20
};

/// One extended MMU operation, 24 bytes. The command decides which union members count.
struct mmuext_op {
    /// MMUEXT_*.
    uint32_t cmd;
    union {
        /// Machine frame of a page table or page.
        xen_pfn_t mfn;
        /// Virtual address.
        uint64_t linear_addr;
    } arg1;
    union {
        /// Number of 8-byte LDT entries.
        uint32_t nr_ents;
        /// Bitmap of vCPU numbers, as many bits as the domain has vCPUs.
        XEN_HANDLE(const void) vcpumask;
        /// Machine frame to copy from.
        xen_pfn_t src_mfn;
    } arg2;
};

XEN_ABI_SIZE(struct mmuext_op, 24)
XEN_ABI_OFFSET(struct mmuext_op, arg1, 8)
XEN_ABI_OFFSET(struct mmuext_op, arg2, 16)

/// Flags of HYPERVISOR_update_va_mapping: what to flush (low two bits) and where. With any
/// other value in the upper bits they are the virtual address of a vCPU bitmap.
XEN_ABI_ENUM(update_va_mapping_flag, uint64_t) {
    UVMF_NONE = 0,
    UVMF_TLB_FLUSH = 1,
    UVMF_INVLPG = 2,
    UVMF_FLUSHTYPE_MASK = 3,
    /// A vCPU bitmap address is combined with the flush type.
    UVMF_MULTI = 0 << 2,
    UVMF_LOCAL = 0 << 2,
    UVMF_ALL = 1 << 2
};

/// One call of a HYPERVISOR_multicall batch, 64 bytes.
struct multicall_entry {
    /// Hypercall number.
    xen_ulong_t op;
    /// Filled with the call's result.
    xen_ulong_t result;
    xen_ulong_t args[6];
};

XEN_ABI_SIZE(struct multicall_entry, 64)

/// Commands of HYPERVISOR_vm_assist.
XEN_ABI_ENUM(vm_assist_command, uint32_t) {
    VMASST_CMD_enable = 0,
    VMASST_CMD_disable = 1
};

/// Assists a guest can switch on or off.
XEN_ABI_ENUM(vm_assist_type, uint32_t) {
    /// 32-bit guests only.
    VMASST_TYPE_4gb_segments = 0,
    /// 32-bit guests only.
    VMASST_TYPE_4gb_segments_notify = 1,
    /// Emulate the guest's own writes to its level-1 page tables.
    VMASST_TYPE_writable_pagetables = 2,
    VMASST_TYPE_pae_extended_cr3 = 3,
    /// IOPL is compared as hardware does: the kernel counts as ring 0 and RFLAGS shows IOPL.
    VMASST_TYPE_architectural_iopl = 4,
    /// Set XEN_RUNSTATE_UPDATE while a registered runstate area is being written.
    VMASST_TYPE_runstate_update_flag = 5,
    /// Keep the machine-to-physical table out of user page tables.
    VMASST_TYPE_m2p_strict = 32
};

XEN_ABI_END
