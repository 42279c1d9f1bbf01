// SPDX-License-Identifier: MIT
/// States through which the two halves of a device find and leave each other, written as decimal
/// text to the "state" node of each half. Source: io/xenbus.h, io/protocols.h.
#pragma once

#include "xen/abi.h"

/// Value of a block frontend's "protocol" node on x86-64.
#define XEN_IO_PROTO_ABI_X86_64 "x86_64-abi"
#define XEN_IO_PROTO_ABI_NATIVE XEN_IO_PROTO_ABI_X86_64

XEN_ABI_BEGIN

XEN_ABI_ENUM(xenbus_state, uint32_t) {
    XenbusStateUnknown = 0,
    XenbusStateInitialising = 1,
    /// The backend has told its features and waits for the frontend.
    XenbusStateInitWait = 2,
    /// The frontend has told its rings and waits for the backend.
    XenbusStateInitialised = 3,
    XenbusStateConnected = 4,
    XenbusStateClosing = 5,
    XenbusStateClosed = 6,
    XenbusStateReconfiguring = 7,
    XenbusStateReconfigured = 8
};

XEN_ABI_END
