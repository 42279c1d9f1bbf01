// SPDX-License-Identifier: MIT
/// HYPERVISOR_nmi_op and the reasons of a non-maskable interrupt. Source: nmi.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Bits of arch_shared_info.nmi_reason.
XEN_ABI_ENUM(nmi_reason, uint64_t) {
    /// I/O channel check.
    XEN_NMIREASON_io_error = 1 << 0,
    /// PCI system error or memory parity.
    XEN_NMIREASON_pci_serr = 1 << 1,
    XEN_NMIREASON_unknown = 1 << 2
};

/// Sub-operations.
XEN_ABI_ENUM(xennmi, uint32_t) {
    /// xennmi_callback.
    XENNMI_register_callback = 0,
    /// No argument.
    XENNMI_unregister_callback = 1
};

/// Older way to register the NMI callback. 16 bytes.
struct xennmi_callback {
    uint64_t handler_address;
    uint64_t pad;
};

XEN_ABI_SIZE(struct xennmi_callback, 16)

XEN_ABI_END
