// SPDX-License-Identifier: MIT
/// HYPERVISOR_physdev_op: physical interrupts, I/O privilege and PCI devices, chiefly for the
/// control domain. Source: physdev.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Sub-operations and their arguments.
XEN_ABI_ENUM(physdevop, uint32_t) {
    /// Sent by the old interface after an interrupt was unmasked.
    PHYSDEVOP_IRQ_UNMASK_NOTIFY = 4,
    /// physdev_irq_status_query.
    PHYSDEVOP_irq_status_query = 5,
    /// physdev_set_iopl.
    PHYSDEVOP_set_iopl = 6,
    /// physdev_set_iobitmap.
    PHYSDEVOP_set_iobitmap = 7,
    /// physdev_apic.
    PHYSDEVOP_apic_read = 8,
    /// physdev_apic.
    PHYSDEVOP_apic_write = 9,
    /// physdev_irq.
    PHYSDEVOP_alloc_irq_vector = 10,
    /// physdev_irq.
    PHYSDEVOP_free_irq_vector = 11,
    /// physdev_eoi.
    PHYSDEVOP_eoi = 12,
    /// physdev_map_pirq.
    PHYSDEVOP_map_pirq = 13,
    /// physdev_unmap_pirq.
    PHYSDEVOP_unmap_pirq = 14,
    /// physdev_manage_pci.
    PHYSDEVOP_manage_pci_add = 15,
    /// physdev_manage_pci.
    PHYSDEVOP_manage_pci_remove = 16,
    /// physdev_pirq_eoi_gmfn.
    PHYSDEVOP_pirq_eoi_gmfn_v1 = 17,
    /// physdev_restore_msi.
    PHYSDEVOP_restore_msi = 19,
    /// physdev_manage_pci_ext.
    PHYSDEVOP_manage_pci_add_ext = 20,
    /// physdev_setup_gsi.
    PHYSDEVOP_setup_gsi = 21,
    /// physdev_get_free_pirq.
    PHYSDEVOP_get_free_pirq = 23,
    /// physdev_pci_mmcfg_reserved.
    PHYSDEVOP_pci_mmcfg_reserved = 24,
    /// physdev_pci_device_add.
    PHYSDEVOP_pci_device_add = 25,
    /// physdev_pci_device.
    PHYSDEVOP_pci_device_remove = 26,
    /// physdev_pci_device.
    PHYSDEVOP_restore_msi_ext = 27,
    /// physdev_pirq_eoi_gmfn; unlike v1 an unmask does not imply the end of interrupt.
    PHYSDEVOP_pirq_eoi_gmfn_v2 = 28,
    /// physdev_dbgp_op.
    PHYSDEVOP_dbgp_op = 29,
    /// physdev_pci_device.
    PHYSDEVOP_prepare_msix = 30,
    /// physdev_pci_device.
    PHYSDEVOP_release_msix = 31
};

/// Acknowledge an interrupt whose line stays blocked until then. 4 bytes.
struct physdev_eoi {
    uint32_t irq;
};

XEN_ABI_SIZE(struct physdev_eoi, 4)

/// Register a page holding one bit per pirq: set while it needs PHYSDEVOP_eoi. 8 bytes.
struct physdev_pirq_eoi_gmfn {
    xen_pfn_t gmfn;
};

XEN_ABI_SIZE(struct physdev_pirq_eoi_gmfn, 8)

/// Bits of physdev_irq_status_query.flags.
XEN_ABI_ENUM(irq_status_flag, uint32_t) {
    XENIRQSTAT_needs_eoi = 1 << 0,
    /// Shared with another domain.
    XENIRQSTAT_shared = 1 << 1
};

/// Ask how an interrupt must be handled. 8 bytes.
struct physdev_irq_status_query {
    uint32_t irq;
    /// Out: XENIRQSTAT_* bits.
    uint32_t flags;
};

XEN_ABI_SIZE(struct physdev_irq_status_query, 8)

/// Set the caller's virtual I/O privilege level. 4 bytes.
struct physdev_set_iopl {
    /// 0 ... 3.
    uint32_t iopl;
};

XEN_ABI_SIZE(struct physdev_set_iopl, 4)

/// Set the I/O permission bitmap for user mode. 16 bytes.
struct physdev_set_iobitmap {
    /// A clear bit allows the port; NULL removes the bitmap.
    XEN_HANDLE(uint8_t) bitmap;
    /// Ports covered, at most 65536.
    uint32_t nr_ports;
};

XEN_ABI_SIZE(struct physdev_set_iobitmap, 16)

/// Access an I/O APIC register. 16 bytes.
struct physdev_apic {
    /// Physical base address that names the I/O APIC.
    uint64_t apic_physbase;
    uint32_t reg;
    /// In for writes, out for reads.
    uint32_t value;
};

XEN_ABI_SIZE(struct physdev_apic, 16)

/// Reserve or release an interrupt vector. 8 bytes.
struct physdev_irq {
    uint32_t irq;
    /// Out of the reservation; of no meaning to the guest.
    uint32_t vector;
};

XEN_ABI_SIZE(struct physdev_irq, 8)

/// What physdev_map_pirq maps.
XEN_ABI_ENUM(map_pirq_type, int32_t) {
    MAP_PIRQ_TYPE_MSI = 0,
    MAP_PIRQ_TYPE_GSI = 1,
    MAP_PIRQ_TYPE_UNKNOWN = 2,
    /// As MSI, with the PCI segment in the upper half of `bus`.
    MAP_PIRQ_TYPE_MSI_SEG = 3,
    /// entry_nr consecutive MSI vectors.
    MAP_PIRQ_TYPE_MULTI_MSI = 4
};

/// Give a domain an interrupt number for a physical interrupt. 40 bytes.
struct physdev_map_pirq {
    domid_t domid;
    /// MAP_PIRQ_TYPE_*.
    int32_t type;
    /// GSI number; for MSI -1.
    int32_t index;
    /// In: wanted number or -1; out: number given.
    int32_t pirq;
    /// MSI: bus, in the upper half the segment for the MSI_SEG and MULTI_MSI types.
    int32_t bus;
    /// MSI: device << 3 | function.
    int32_t devfn;
    /// MSI-X: table entry; multi-MSI: number of vectors, out: number given.
    int32_t entry_nr;
    /// MSI-X: machine address of the BAR that holds the table; 0 selects MSI.
    uint64_t table_base;
};

XEN_ABI_SIZE(struct physdev_map_pirq, 40)
XEN_ABI_OFFSET(struct physdev_map_pirq, table_base, 32)

/// Take it away again. 8 bytes.
struct physdev_unmap_pirq {
    domid_t domid;
    int32_t pirq;
};

XEN_ABI_SIZE(struct physdev_unmap_pirq, 8)

/// Announce a PCI function, oldest form. 2 bytes.
struct physdev_manage_pci {
    uint8_t bus;
    /// device << 3 | function.
    uint8_t devfn;
};

XEN_ABI_SIZE(struct physdev_manage_pci, 2)

/// Reprogram a function's MSIs after sleep. 2 bytes.
struct physdev_restore_msi {
    uint8_t bus;
    uint8_t devfn;
};

XEN_ABI_SIZE(struct physdev_restore_msi, 2)

/// Announce a PCI function, second form. 16 bytes.
struct physdev_manage_pci_ext {
    uint8_t bus;
    uint8_t devfn;
    uint32_t is_extfn;
    uint32_t is_virtfn;
    /// The physical function of a virtual one.
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
};

XEN_ABI_SIZE(struct physdev_manage_pci_ext, 16)

/// Tell trigger and polarity of a global system interrupt. 8 bytes.
struct physdev_setup_gsi {
    int32_t gsi;
    /// 0 edge, 1 level.
    uint8_t triggering;
    /// 0 active high, 1 active low.
    uint8_t polarity;
};

XEN_ABI_SIZE(struct physdev_setup_gsi, 8)

/// Reserve an interrupt number. 8 bytes.
struct physdev_get_free_pirq {
    /// MAP_PIRQ_TYPE_*.
    int32_t type;
    /// Out.
    uint32_t pirq;
};

XEN_ABI_SIZE(struct physdev_get_free_pirq, 8)

/// Bits of physdev_pci_mmcfg_reserved.flags and physdev_pci_device_add.flags.
XEN_ABI_ENUM(physdev_pci_flag, uint32_t) {
    /// ACPI reserves the memory of the configuration window.
    XEN_PCI_MMCFG_RESERVED = 1,
    XEN_PCI_DEV_EXTFN = 1,
    XEN_PCI_DEV_VIRTFN = 2,
    /// The NUMA proximity domain follows the structure.
    XEN_PCI_DEV_PXM = 4
};

/// Tell where a memory-mapped configuration window lies. 16 bytes.
struct physdev_pci_mmcfg_reserved {
    uint64_t address;
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus;
    uint32_t flags;
};

XEN_ABI_SIZE(struct physdev_pci_mmcfg_reserved, 16)

/// Announce a PCI function. 12 bytes; with XEN_PCI_DEV_PXM one uint32_t follows directly.
struct physdev_pci_device_add {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
    /// XEN_PCI_DEV_* bits.
    uint32_t flags;
    /// The physical function of a virtual one.
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
};

XEN_ABI_SIZE(struct physdev_pci_device_add, 12)

/// Names a PCI function. 4 bytes.
struct physdev_pci_device {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
};

XEN_ABI_SIZE(struct physdev_pci_device, 4)

/// Values of physdev_dbgp_op.op and .bus.
XEN_ABI_ENUM(physdev_dbgp, uint32_t) {
    PHYSDEVOP_DBGP_RESET_PREPARE = 1,
    PHYSDEVOP_DBGP_RESET_DONE = 2,
    PHYSDEVOP_DBGP_BUS_UNKNOWN = 0,
    PHYSDEVOP_DBGP_BUS_PCI = 1
};

/// The host controller that carries the debug port is about to be reset, or was. 6 bytes.
struct physdev_dbgp_op {
    uint8_t op;
    uint8_t bus;
    union {
        struct physdev_pci_device pci;
    } u;
};

XEN_ABI_SIZE(struct physdev_dbgp_op, 6)

XEN_ABI_END
