// SPDX-License-Identifier: MIT
/// XenStore's wire protocol and its ring page. A message is a xsd_sockmsg followed by at most
/// XENSTORE_PAYLOAD_MAX bytes, the same on the ring and on the daemon's socket.
/// Source: io/xs_wire.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Values of xsd_sockmsg.type.
XEN_ABI_ENUM(xsd_sockmsg_type, uint32_t) {
    XS_CONTROL = 0,
    XS_DEBUG = XS_CONTROL,
    XS_DIRECTORY = 1,
    XS_READ = 2,
    XS_GET_PERMS = 3,
    XS_WATCH = 4,
    XS_UNWATCH = 5,
    XS_TRANSACTION_START = 6,
    XS_TRANSACTION_END = 7,
    XS_INTRODUCE = 8,
    XS_RELEASE = 9,
    XS_GET_DOMAIN_PATH = 10,
    XS_WRITE = 11,
    XS_MKDIR = 12,
    XS_RM = 13,
    XS_SET_PERMS = 14,
    /// From the store only.
    XS_WATCH_EVENT = 15,
    /// From the store only: the payload is the error's name.
    XS_ERROR = 16,
    XS_IS_DOMAIN_INTRODUCED = 17,
    XS_RESUME = 18,
    XS_SET_TARGET = 19,
    XS_RESET_WATCHES = 21,
    XS_DIRECTORY_PART = 22,
    XS_TYPE_COUNT = 23,
    XS_INVALID = 0xffff
};

/// Order of the texts in a watch event.
XEN_ABI_ENUM(xs_watch_type, uint32_t) {
    XS_WATCH_PATH = 0,
    XS_WATCH_TOKEN = 1
};

/// Head of a message, 16 bytes, little endian.
struct xsd_sockmsg {
    /// XS_*.
    uint32_t type;
    /// Chosen by the client, repeated in the reply; 0 in watch events.
    uint32_t req_id;
    /// Transaction, or 0.
    uint32_t tx_id;
    /// Bytes that follow.
    uint32_t len;
};

XEN_ABI_SIZE(struct xsd_sockmsg, 16)

XEN_ABI_ENUM(xenstore_limit, uint32_t) {
    /// Bytes of each ring.
    XENSTORE_RING_SIZE = 1024,
    /// Bytes of a payload.
    XENSTORE_PAYLOAD_MAX = 4096,
    /// Bytes of a path, without the terminating NUL.
    XENSTORE_ABS_PATH_MAX = 3072,
    XENSTORE_REL_PATH_MAX = 2048
};

typedef uint32_t XENSTORE_RING_IDX;

/// Slot of a free-running index.
XEN_ABI_INLINE XENSTORE_RING_IDX MASK_XENSTORE_IDX(XENSTORE_RING_IDX idx) {
    return idx & (XEN_ABI_CAST(uint32_t, XENSTORE_RING_SIZE) - 1);
}

/// Bits of xenstore_domain_interface.server_features.
XEN_ABI_ENUM(xenstore_server_feature, uint32_t) {
    XENSTORE_SERVER_FEATURE_RECONNECTION = 1,
    XENSTORE_SERVER_FEATURE_ERROR = 2
};

/// Values of xenstore_domain_interface.connection.
XEN_ABI_ENUM(xenstore_connection, uint32_t) {
    XENSTORE_CONNECTED = 0,
    /// The guest asks the store to reset the ring.
    XENSTORE_RECONNECT = 1
};

/// Values of xenstore_domain_interface.error.
XEN_ABI_ENUM(xenstore_error, uint32_t) {
    XENSTORE_ERROR_NONE = 0,
    XENSTORE_ERROR_COMM = 1,
    XENSTORE_ERROR_RINGIDX = 2,
    XENSTORE_ERROR_PROTO = 3
};

/// The ring page: 2076 bytes used.
struct xenstore_domain_interface {
    /// Requests, written by the guest.
    char req[XENSTORE_RING_SIZE];
    /// Replies and watch events, written by the store.
    char rsp[XENSTORE_RING_SIZE];
    /// req_cons is the store's, req_prod the guest's.
    XENSTORE_RING_IDX req_cons, req_prod;
    /// rsp_cons is the guest's, rsp_prod the store's.
    XENSTORE_RING_IDX rsp_cons, rsp_prod;
    /// XENSTORE_SERVER_FEATURE_* bits.
    uint32_t server_features;
    /// XENSTORE_CONNECTED or XENSTORE_RECONNECT.
    uint32_t connection;
    /// XENSTORE_ERROR_*.
    uint32_t error;
};

XEN_ABI_SIZE(struct xenstore_domain_interface, 2076)
XEN_ABI_OFFSET(struct xenstore_domain_interface, req_cons, 2048)
XEN_ABI_OFFSET(struct xenstore_domain_interface, server_features, 2064)

XEN_ABI_END
