// SPDX-License-Identifier: MIT
/// Grant tables, version 1: how a domain lets another map or copy single pages.
/// The version 2 entry layout is absent by design; its operations are listed so that they can be
/// refused by name. Source: grant_table.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Index into the granting domain's table.
typedef uint32_t grant_ref_t;
/// Names one live mapping of the mapping domain.
typedef uint32_t grant_handle_t;

/// One entry of the shared table, 8 bytes. flags and domid together are one 32-bit word that the
/// hypervisor changes by compare-and-exchange.
struct grant_entry_v1 {
    /// GTF_* bits.
    uint16_t flags;
    /// The domain that may use the entry.
    domid_t domid;
    /// Frame granted (a machine frame for PV), or transferred.
    uint32_t frame;
};

XEN_ABI_SIZE(struct grant_entry_v1, 8)

/// Entries the toolstack fills in for the guest.
XEN_ABI_ENUM(grant_reserved_entry, uint32_t) {
    GNTTAB_RESERVED_CONSOLE = 0,
    GNTTAB_RESERVED_XENSTORE = 1,
    /// References below this are never the guest allocator's.
    GNTTAB_NR_RESERVED_ENTRIES = 8
};

/// Bits of grant_entry_v1.flags.
XEN_ABI_ENUM(grant_entry_flag, uint16_t) {
    GTF_invalid = 0,
    GTF_permit_access = 1,
    GTF_accept_transfer = 2,
    /// Version 2 only.
    GTF_transitive = 3,
    GTF_type_mask = 3,
    /// Set by the granter: read-only mappings only.
    GTF_readonly = 1 << 2,
    /// Set by the hypervisor while the page is mapped for reading.
    GTF_reading = 1 << 3,
    /// Set by the hypervisor while the page is mapped for writing.
    GTF_writing = 1 << 4,
    GTF_PWT = 1 << 5,
    GTF_PCD = 1 << 6,
    GTF_PAT = 1 << 7,
    /// Version 2 only.
    GTF_sub_page = 1 << 8,
    /// accept_transfer entries: the transfer cannot be revoked any more.
    GTF_transfer_committed = 1 << 2,
    /// accept_transfer entries: frame holds the transferred page.
    GTF_transfer_completed = 1 << 3
};

/// Sub-operations of HYPERVISOR_grant_table_op. The argument is an array of gnttab_<name>; each
/// element gets its own status.
XEN_ABI_ENUM(gnttabop, uint32_t) {
    GNTTABOP_map_grant_ref = 0,
    GNTTABOP_unmap_grant_ref = 1,
    GNTTABOP_setup_table = 2,
    GNTTABOP_dump_table = 3,
    GNTTABOP_transfer = 4,
    GNTTABOP_copy = 5,
    GNTTABOP_query_size = 6,
    GNTTABOP_unmap_and_replace = 7,
    GNTTABOP_set_version = 8,
    GNTTABOP_get_status_frames = 9,
    GNTTABOP_get_version = 10,
    GNTTABOP_swap_grant_ref = 11,
    GNTTABOP_cache_flush = 12
};

/// Status of one element.
XEN_ABI_ENUM(grant_status, int16_t) {
    GNTST_okay = 0,
    GNTST_general_error = -1,
    GNTST_bad_domain = -2,
    GNTST_bad_gntref = -3,
    GNTST_bad_handle = -4,
    GNTST_bad_virt_addr = -5,
    GNTST_bad_dev_addr = -6,
    GNTST_no_device_space = -7,
    GNTST_permission_denied = -8,
    GNTST_bad_page = -9,
    /// A copy would cross a page's end.
    GNTST_bad_copy_arg = -10,
    GNTST_address_too_big = -11,
    /// Try again later.
    GNTST_eagain = -12,
    GNTST_no_space = -13
};

/// Bits of gnttab_map_grant_ref.flags. Bits 16 and up become the PTE's guest-available bits
/// (needs XENFEAT_gnttab_map_avail_bits).
XEN_ABI_ENUM(grant_map_flag, uint32_t) {
    /// Make the page usable for DMA; dev_bus_addr tells its bus address.
    GNTMAP_device_map = 1 << 0,
    /// Map it in the caller's page tables.
    GNTMAP_host_map = 1 << 1,
    GNTMAP_readonly = 1 << 2,
    /// Let user mode reach the mapping.
    GNTMAP_application_map = 1 << 3,
    /// host_addr is the machine address of the PTE to fill, not a virtual address.
    GNTMAP_contains_pte = 1 << 4
};

/// Position and mask of the guest-available bits in gnttab_map_grant_ref.flags.
XEN_ABI_CONSTANT(uint32_t, GNTMAP_guest_avail0, 16u)
XEN_ABI_CONSTANT(uint32_t, GNTMAP_guest_avail_mask, 0xffff0000u)

/// Map a granted page. 32 bytes.
struct gnttab_map_grant_ref {
    /// In: virtual address, or machine address of a PTE (GNTMAP_contains_pte).
    uint64_t host_addr;
    /// In: GNTMAP_* bits.
    uint32_t flags;
    /// In.
    grant_ref_t ref;
    /// In: the granting domain.
    domid_t dom;
    /// Out: GNTST_*.
    int16_t status;
    /// Out: needed to unmap.
    grant_handle_t handle;
    /// Out: machine address in bytes.
    uint64_t dev_bus_addr;
};

XEN_ABI_SIZE(struct gnttab_map_grant_ref, 32)
XEN_ABI_OFFSET(struct gnttab_map_grant_ref, handle, 20)

/// Give a mapping back. 24 bytes.
struct gnttab_unmap_grant_ref {
    /// In: as mapped; 0 leaves the host mapping alone.
    uint64_t host_addr;
    /// In: as returned by the map; 0 leaves the device mapping alone.
    uint64_t dev_bus_addr;
    /// In.
    grant_handle_t handle;
    /// Out: GNTST_*.
    int16_t status;
};

XEN_ABI_SIZE(struct gnttab_unmap_grant_ref, 24)

/// Size the table and learn its frames. 24 bytes.
struct gnttab_setup_table {
    /// In: DOMID_SELF, or another domain for the privileged.
    domid_t dom;
    /// In: frames wanted; the table grows to hold them.
    uint32_t nr_frames;
    /// Out: GNTST_*.
    int16_t status;
    /// Out: array of nr_frames machine frames.
    XEN_HANDLE(xen_pfn_t) frame_list;
};

XEN_ABI_SIZE(struct gnttab_setup_table, 24)

/// Dump a domain's table to the hypervisor console. 4 bytes.
struct gnttab_dump_table {
    domid_t dom;
    int16_t status;
};

XEN_ABI_SIZE(struct gnttab_dump_table, 4)

/// Give a page away to a domain that accepts it. 24 bytes.
struct gnttab_transfer {
    /// In: the page to give.
    xen_pfn_t mfn;
    /// In: receiver, and its accept_transfer entry.
    domid_t domid;
    grant_ref_t ref;
    /// Out: GNTST_*.
    int16_t status;
};

XEN_ABI_SIZE(struct gnttab_transfer, 24)

/// Bits of gnttab_copy.flags.
XEN_ABI_ENUM(grant_copy_flag, uint16_t) {
    /// source.u.ref is valid, otherwise source.u.gmfn.
    GNTCOPY_source_gref = 1 << 0,
    /// dest.u.ref is valid, otherwise dest.u.gmfn.
    GNTCOPY_dest_gref = 1 << 1
};

/// One end of a grant copy, 16 bytes.
struct gnttab_copy_ptr {
    union {
        grant_ref_t ref;
        xen_pfn_t gmfn;
    } u;
    domid_t domid;
    /// Bytes from the start of the page.
    uint16_t offset;
};

XEN_ABI_SIZE(struct gnttab_copy_ptr, 16)

/// Copy bytes between granted or own pages. 40 bytes.
struct gnttab_copy {
    struct gnttab_copy_ptr source, dest;
    /// Bytes; neither end may cross its page.
    uint16_t len;
    /// GNTCOPY_* bits.
    uint16_t flags;
    /// Out: GNTST_*.
    int16_t status;
};

XEN_ABI_SIZE(struct gnttab_copy, 40)

/// Ask for the table's size. 16 bytes.
struct gnttab_query_size {
    domid_t dom;
    /// Out: frames in use.
    uint32_t nr_frames;
    /// Out: limit.
    uint32_t max_nr_frames;
    /// Out: GNTST_*.
    int16_t status;
};

XEN_ABI_SIZE(struct gnttab_query_size, 16)

/// Unmap and put the mapping at another address into its place. 24 bytes.
struct gnttab_unmap_and_replace {
    uint64_t host_addr;
    /// Virtual address whose PTE is moved to host_addr.
    uint64_t new_addr;
    grant_handle_t handle;
    int16_t status;
};

XEN_ABI_SIZE(struct gnttab_unmap_and_replace, 24)

/// Choose the entry layout. 4 bytes.
struct gnttab_set_version {
    /// In: wanted version; out: version in force.
    uint32_t version;
};

XEN_ABI_SIZE(struct gnttab_set_version, 4)

/// Ask for a domain's entry layout. 8 bytes.
struct gnttab_get_version {
    domid_t dom;
    uint16_t pad;
    /// Out.
    uint32_t version;
};

XEN_ABI_SIZE(struct gnttab_get_version, 8)

XEN_ABI_END
