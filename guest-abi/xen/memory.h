// SPDX-License-Identifier: MIT
/// HYPERVISOR_memory_op: reservations, memory maps, the machine-to-physical table's geometry and
/// hypervisor-owned resources. Source: memory.h.
#pragma once

#include "xen/abi.h"
#include "xen/physdev.h"

XEN_ABI_BEGIN

/// Sub-operations (low six bits of the first argument; the bits above count extents already done
/// when an operation is continued).
XEN_ABI_ENUM(xenmem, uint32_t) {
    /// xen_memory_reservation; returns extents done.
    XENMEM_increase_reservation = 0,
    /// xen_memory_reservation of machine frames (PV); returns extents done.
    XENMEM_decrease_reservation = 1,
    /// Returns the highest machine frame number.
    XENMEM_maximum_ram_page = 2,
    /// xen_memory_domain; returns pages.
    XENMEM_current_reservation = 3,
    /// xen_memory_domain; returns pages.
    XENMEM_maximum_reservation = 4,
    /// xen_machphys_mfn_list.
    XENMEM_machphys_mfn_list = 5,
    /// xen_memory_reservation of pseudo-physical frames, overwritten with machine frames.
    XENMEM_populate_physmap = 6,
    /// xen_add_to_physmap; not for PV.
    XENMEM_add_to_physmap = 7,
    /// xen_memory_map: the domain's own map.
    XENMEM_memory_map = 9,
    /// xen_memory_map: the machine's map, control domain only.
    XENMEM_machine_memory_map = 10,
    /// xen_memory_exchange.
    XENMEM_exchange = 11,
    /// xen_machphys_mapping.
    XENMEM_machphys_mapping = 12,
    /// xen_foreign_memory_map.
    XENMEM_set_memory_map = 13,
    /// xen_memory_domain; returns the highest pseudo-physical frame.
    XENMEM_maximum_gpfn = 14,
    XENMEM_remove_from_physmap = 15,
    XENMEM_set_pod_target = 16,
    XENMEM_get_pod_target = 17,
    XENMEM_get_sharing_freed_pages = 18,
    XENMEM_get_sharing_shared_pages = 19,
    XENMEM_paging_op = 20,
    XENMEM_access_op = 21,
    XENMEM_sharing_op = 22,
    XENMEM_add_to_physmap_batch = 23,
    /// xen_memory_reservation: promise nr_extents pages to a domain.
    XENMEM_claim_pages = 24,
    XENMEM_machphys_compat_mfn_list = 25,
    XENMEM_get_vnumainfo = 26,
    /// xen_reserved_device_memory_map.
    XENMEM_reserved_device_memory_map = 27,
    /// xen_mem_acquire_resource.
    XENMEM_acquire_resource = 28
};

/// Bits of xen_memory_reservation.mem_flags above the address width and node fields.
XEN_ABI_ENUM(memory_reservation_flag, uint32_t) {
    XENMEMF_populate_on_demand = 1 << 16,
    /// Take the named node or none.
    XENMEMF_exact_node_request = 1 << 17,
    /// The node is one of the guest's virtual nodes.
    XENMEMF_vnode = 1 << 18
};

/// Highest machine-address width wanted, in bits (low byte of mem_flags); 0 means any.
XEN_ABI_INLINE uint32_t XENMEMF_address_bits(uint32_t bits) { return bits; }
XEN_ABI_INLINE uint32_t XENMEMF_get_address_bits(uint32_t mem_flags) { return mem_flags & 0xffu; }
/// NUMA node wanted (second byte of mem_flags, stored plus one).
XEN_ABI_INLINE uint32_t XENMEMF_node(uint32_t node) { return (node + 1) << 8; }
XEN_ABI_INLINE uint32_t XENMEMF_get_node(uint32_t mem_flags) { return ((mem_flags >> 8) - 1) & 0xffu; }
XEN_ABI_INLINE uint32_t XENMEMF_exact_node(uint32_t node) {
    return XENMEMF_node(node) | XEN_ABI_CAST(uint32_t, XENMEMF_exact_node_request);
}

/// Extents to take from or give to a domain. 32 bytes.
struct xen_memory_reservation {
    /// Array of the first frame of each extent.
    XEN_HANDLE(xen_pfn_t) extent_start;
    xen_ulong_t nr_extents;
    /// Each extent has 2^extent_order frames and is aligned to its size.
    uint32_t extent_order;
    /// Address width, node and XENMEMF_* bits.
    uint32_t mem_flags;
    domid_t domid;
};

XEN_ABI_SIZE(struct xen_memory_reservation, 32)
XEN_ABI_OFFSET(struct xen_memory_reservation, domid, 24)

/// Trade frames for others of different contiguity or address width. 72 bytes.
struct xen_memory_exchange {
    /// Machine frames given.
    struct xen_memory_reservation in;
    /// In: pseudo-physical frames; out: machine frames taken.
    struct xen_memory_reservation out;
    /// In: 0; out: extents of `in` traded. All of them on success, none on failure.
    xen_ulong_t nr_exchanged;
};

XEN_ABI_SIZE(struct xen_memory_exchange, 72)

/// Names a domain. 2 bytes.
struct xen_memory_domain {
    domid_t domid;
};

XEN_ABI_SIZE(struct xen_memory_domain, 2)

/// First machine frame of each 2 MiB piece of the machine-to-physical table. 24 bytes.
struct xen_machphys_mfn_list {
    /// In: capacity.
    uint32_t max_extents;
    XEN_HANDLE(xen_pfn_t) extent_start;
    /// Out.
    uint32_t nr_extents;
};

XEN_ABI_SIZE(struct xen_machphys_mfn_list, 24)

/// Where the machine-to-physical table lies in the guest's address space. 24 bytes, all out.
struct xen_machphys_mapping {
    /// First and one past the last virtual address.
    xen_ulong_t v_start, v_end;
    /// Highest machine frame it covers.
    xen_ulong_t max_mfn;
};

XEN_ABI_SIZE(struct xen_machphys_mapping, 24)

/// What xen_add_to_physmap.space names.
XEN_ABI_ENUM(physmap_space, uint32_t) {
    XENMAPSPACE_shared_info = 0,
    XENMAPSPACE_grant_table = 1,
    XENMAPSPACE_gmfn = 2,
    XENMAPSPACE_gmfn_range = 3,
    XENMAPSPACE_gmfn_foreign = 4,
    XENMAPSPACE_dev_mmio = 5
};

/// Insert a page at a frame of a translated domain; PV domains are refused. 24 bytes.
struct xen_add_to_physmap {
    domid_t domid;
    /// Number of pages for gmfn_range.
    uint16_t size;
    /// XENMAPSPACE_*.
    uint32_t space;
    xen_ulong_t idx;
    xen_pfn_t gpfn;
};

XEN_ABI_SIZE(struct xen_add_to_physmap, 24)

/// Remove a page from a translated domain; PV domains are refused. 16 bytes.
struct xen_remove_from_physmap {
    domid_t domid;
    xen_pfn_t gpfn;
};

XEN_ABI_SIZE(struct xen_remove_from_physmap, 16)

#pragma pack(push, 1)
/// One entry of a memory map: 20 bytes without padding, as the PC BIOS reports it.
struct e820entry {
    /// Machine address in bytes.
    uint64_t addr;
    /// Bytes.
    uint64_t size;
    /// E820_*.
    uint32_t type;
};
#pragma pack(pop)

XEN_ABI_SIZE(struct e820entry, 20)

/// Types of memory in a map (ACPI specification, "System Address Map Interfaces").
XEN_ABI_ENUM(e820_type, uint32_t) {
    E820_RAM = 1,
    E820_RESERVED = 2,
    E820_ACPI = 3,
    E820_NVS = 4,
    E820_UNUSABLE = 5
};

/// A memory map to be returned. 16 bytes.
struct xen_memory_map {
    /// In: capacity; out: entries stored.
    uint32_t nr_entries;
    /// Array of e820entry.
    XEN_HANDLE(void) buffer;
};

XEN_ABI_SIZE(struct xen_memory_map, 16)

/// A memory map to be stored for another domain. 24 bytes.
struct xen_foreign_memory_map {
    domid_t domid;
    struct xen_memory_map map;
};

XEN_ABI_SIZE(struct xen_foreign_memory_map, 24)

/// A range that a device needs identity mapped. 16 bytes.
struct xen_reserved_device_memory {
    xen_pfn_t start_pfn;
    xen_ulong_t nr_pages;
};

XEN_ABI_SIZE(struct xen_reserved_device_memory, 16)

/// Bits of xen_reserved_device_memory_map.flags.
XEN_ABI_ENUM(reserved_device_memory_flag, uint32_t) {
    /// Of all devices, not only `dev`.
    XENMEM_RDM_ALL = 1
};

/// Ask for such ranges. 24 bytes.
struct xen_reserved_device_memory_map {
    /// XENMEM_RDM_* bits.
    uint32_t flags;
    /// In: capacity; out: ranges there are.
    uint32_t nr_entries;
    XEN_HANDLE(struct xen_reserved_device_memory) buffer;
    union {
        struct physdev_pci_device pci;
    } dev;
};

XEN_ABI_SIZE(struct xen_reserved_device_memory_map, 24)

/// Kinds of resource, and which part of a grant table.
XEN_ABI_ENUM(memory_resource, uint32_t) {
    XENMEM_resource_ioreq_server = 0,
    XENMEM_resource_grant_table = 1,
    XENMEM_resource_vmtrace_buf = 2,
    XENMEM_resource_grant_table_id_shared = 0,
    XENMEM_resource_grant_table_id_status = 1
};

/// Learn the frames of another domain's hypervisor-owned pages, to map them. 32 bytes.
struct xen_mem_acquire_resource {
    domid_t domid;
    /// XENMEM_resource_*.
    uint16_t type;
    /// For grant tables: XENMEM_resource_grant_table_id_*.
    uint32_t id;
    /// In: frames wanted; with an empty list, out: frames there are.
    uint32_t nr_frames;
    /// Must be zero.
    uint32_t pad;
    /// First frame wanted, as an index.
    uint64_t frame;
    /// Out: array of machine frames (PV caller).
    XEN_HANDLE(xen_pfn_t) frame_list;
};

XEN_ABI_SIZE(struct xen_mem_acquire_resource, 32)

/// One range of a virtual NUMA node. 24 bytes.
struct xen_vmemrange {
    /// Pseudo-physical address of the first byte and of the one behind.
    uint64_t start, end;
    uint32_t flags;
    /// Virtual node.
    uint32_t nid;
};

XEN_ABI_SIZE(struct xen_vmemrange, 24)

XEN_ABI_END
