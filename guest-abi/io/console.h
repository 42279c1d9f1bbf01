// SPDX-License-Identifier: MIT
/// The page by which a domain's console reaches xenconsoled: two byte rings with free-running
/// indices; byte i lives at i & (size - 1). Source: io/console.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Bytes of the two rings.
XEN_ABI_ENUM(xencons_size, uint32_t) {
    XENCONS_IN_SIZE = 1024,
    XENCONS_OUT_SIZE = 2048
};

typedef uint32_t XENCONS_RING_IDX;

/// 3088 bytes.
struct xencons_interface {
    /// Keyboard to guest.
    char in[XENCONS_IN_SIZE];
    /// Guest to screen.
    char out[XENCONS_OUT_SIZE];
    /// in_cons is the guest's, in_prod the daemon's.
    XENCONS_RING_IDX in_cons, in_prod;
    /// out_cons is the daemon's, out_prod the guest's.
    XENCONS_RING_IDX out_cons, out_prod;
};

XEN_ABI_SIZE(struct xencons_interface, 3088)
XEN_ABI_OFFSET(struct xencons_interface, out, 1024)
XEN_ABI_OFFSET(struct xencons_interface, in_cons, 3072)

XEN_ABI_END
