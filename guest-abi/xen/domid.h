// SPDX-License-Identifier: MIT
/// Domain numbers with a meaning of their own. Ordinary domains are 0 ... DOMID_FIRST_RESERVED-1
/// and domain 0 is the control domain. Source: xen.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

XEN_ABI_ENUM(special_domid, uint16_t) {
    DOMID_FIRST_RESERVED = 0x7ff0,
    /// The calling domain.
    DOMID_SELF = 0x7ff0,
    /// Owner of I/O memory: a mapping on its behalf is a mapping of device frames.
    DOMID_IO = 0x7ff1,
    /// Owner of the hypervisor's own shared frames (for example the machine-to-physical table).
    DOMID_XEN = 0x7ff2,
    /// Owner of copy-on-write shared pages; unused for PV.
    DOMID_COW = 0x7ff3,
    /// Never a valid domain.
    DOMID_INVALID = 0x7ff4,
    /// The hypervisor's idle domain.
    DOMID_IDLE = 0x7fff,
    /// Bits that can make up a domain number.
    DOMID_MASK = 0x7fff
};

XEN_ABI_END
