// SPDX-License-Identifier: MIT
/// Feature bits told by XENVER_get_features and wanted by ELF notes. Source: features.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

XEN_ABI_ENUM(xen_feature, uint32_t) {
    /// Guests may write page tables directly (never for PV).
    XENFEAT_writable_page_tables = 0,
    XENFEAT_writable_descriptor_tables = 1,
    /// Guest frame numbers are translated by hardware (never for PV).
    XENFEAT_auto_translated_physmap = 2,
    XENFEAT_supervisor_mode_kernel = 3,
    XENFEAT_pae_pgdir_above_4gb = 4,
    /// MMU_PT_UPDATE_PRESERVE_AD works.
    XENFEAT_mmu_pt_update_preserve_ad = 5,
    XENFEAT_highmem_assist = 6,
    /// Upper bits of gnttab_map_grant_ref.flags reach the PTE.
    XENFEAT_gnttab_map_avail_bits = 7,
    XENFEAT_hvm_callback_vector = 8,
    XENFEAT_hvm_safe_pvclock = 9,
    XENFEAT_hvm_pirqs = 10,
    /// The caller is, or the kernel can be, the control domain.
    XENFEAT_dom0 = 11,
    XENFEAT_memory_op_vnode_supported = 13,
    XENFEAT_ARM_SMCCC_supported = 14,
    /// The ACPI root pointer may lie anywhere below 4 GiB for a PVH start.
    XENFEAT_linux_rsdp_unrestricted = 15,
    XENFEAT_not_direct_mapped = 16,
    XENFEAT_direct_mapped = 17,
    /// Number of 32-bit words of feature bits.
    XENFEAT_NR_SUBMAPS = 1
};

XEN_ABI_END
