// SPDX-License-Identifier: MIT
/// Network-device protocol: a transmit and a receive ring, both named from the frontend's side.
/// A packet may use several consecutive slots; an extra-info slot follows the first one if flagged.
/// Source: io/netif.h. The optional control ring is absent by design.
#pragma once

#include "io/ring.h"
#include "xen/abi.h"
#include "xen/grant.h"

XEN_ABI_BEGIN

XEN_ABI_ENUM(netif_limit, uint32_t) {
    /// Slots of one packet every backend accepts.
    XEN_NETIF_NR_SLOTS_MIN = 18,
    /// Bytes of one packet.
    XEN_NETIF_MAX_TX_SIZE = 0xffff
};

/// Bits of netif_tx_request.flags.
XEN_ABI_ENUM(netif_tx_flag, uint16_t) {
    /// The checksum field holds only the pseudo-header's sum.
    NETTXF_csum_blank = 1 << 0,
    /// The data is known to be intact.
    NETTXF_data_validated = 1 << 1,
    /// The packet goes on in the next slot.
    NETTXF_more_data = 1 << 2,
    /// The next slot is a netif_extra_info.
    NETTXF_extra_info = 1 << 3
};

/// Bits of netif_rx_response.flags.
XEN_ABI_ENUM(netif_rx_flag, uint16_t) {
    NETRXF_data_validated = 1 << 0,
    NETRXF_csum_blank = 1 << 1,
    NETRXF_more_data = 1 << 2,
    NETRXF_extra_info = 1 << 3,
    NETRXF_gso_prefix = 1 << 4
};

/// Values of netif_extra_info.type and bits of its flags.
XEN_ABI_ENUM(netif_extra, uint8_t) {
    XEN_NETIF_EXTRA_TYPE_NONE = 0,
    XEN_NETIF_EXTRA_TYPE_GSO = 1,
    XEN_NETIF_EXTRA_TYPE_MCAST_ADD = 2,
    XEN_NETIF_EXTRA_TYPE_MCAST_DEL = 3,
    XEN_NETIF_EXTRA_TYPE_HASH = 4,
    XEN_NETIF_EXTRA_TYPE_MAX = 5,
    /// Another extra-info slot follows.
    XEN_NETIF_EXTRA_FLAG_MORE = 1 << 0
};

/// Values of netif_extra_info.u.gso.type.
XEN_ABI_ENUM(netif_gso, uint8_t) {
    XEN_NETIF_GSO_TYPE_NONE = 0,
    XEN_NETIF_GSO_TYPE_TCPV4 = 1,
    XEN_NETIF_GSO_TYPE_TCPV6 = 2
};

/// Status of a response; a positive status of a receive response is the number of bytes.
XEN_ABI_ENUM(netif_status, int16_t) {
    NETIF_RSP_DROPPED = -2,
    NETIF_RSP_ERROR = -1,
    NETIF_RSP_OKAY = 0,
    /// Answer to an extra-info slot.
    NETIF_RSP_NULL = 1
};

/// A piece of a packet to send. 12 bytes.
struct netif_tx_request {
    grant_ref_t gref;
    /// Bytes from the start of the page.
    uint16_t offset;
    /// NETTXF_* bits.
    uint16_t flags;
    uint16_t id;
    /// First slot: bytes of the whole packet; later ones: bytes of this piece.
    uint16_t size;
};

XEN_ABI_SIZE(struct netif_tx_request, 12)

/// A slot with more about the packet. 8 bytes.
struct netif_extra_info {
    /// XEN_NETIF_EXTRA_TYPE_*.
    uint8_t type;
    /// XEN_NETIF_EXTRA_FLAG_* bits.
    uint8_t flags;
    union {
        struct {
            /// Bytes of payload in each segment.
            uint16_t size;
            /// XEN_NETIF_GSO_TYPE_*.
            uint8_t type;
            uint8_t pad;
            uint16_t features;
        } gso;
        struct {
            uint8_t addr[6];
        } mcast;
        struct {
            uint8_t type;
            uint8_t algorithm;
            uint8_t value[4];
        } hash;
        uint16_t pad[3];
    } u;
};

XEN_ABI_SIZE(struct netif_extra_info, 8)

/// Answer to one transmit slot. 4 bytes.
struct netif_tx_response {
    uint16_t id;
    /// NETIF_RSP_*.
    int16_t status;
};

XEN_ABI_SIZE(struct netif_tx_response, 4)

/// An empty page to receive into. 8 bytes.
struct netif_rx_request {
    uint16_t id;
    uint16_t pad;
    grant_ref_t gref;
};

XEN_ABI_SIZE(struct netif_rx_request, 8)

/// A piece of a received packet. 8 bytes.
struct netif_rx_response {
    uint16_t id;
    /// Bytes from the start of the page.
    uint16_t offset;
    /// NETRXF_* bits.
    uint16_t flags;
    /// Bytes of this piece, or NETIF_RSP_*.
    int16_t status;
};

XEN_ABI_SIZE(struct netif_rx_response, 8)

/// Slots of the two rings: 256 of each in a page.
union netif_tx_sring_entry {
    struct netif_tx_request req;
    struct netif_tx_response rsp;
};

union netif_rx_sring_entry {
    struct netif_rx_request req;
    struct netif_rx_response rsp;
};

XEN_ABI_SIZE(union netif_tx_sring_entry, 12)
XEN_ABI_SIZE(union netif_rx_sring_entry, 8)

XEN_ABI_END
