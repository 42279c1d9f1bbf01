// SPDX-License-Identifier: MIT
/// Block-device protocol: requests and responses on one or more shared rings. Sectors are always
/// 512 bytes in requests, whatever the device's own sector size. Source: io/blkif.h.
#pragma once

#include "io/ring.h"
#include "xen/abi.h"
#include "xen/grant.h"

XEN_ABI_BEGIN

/// Values of blkif_request.operation.
XEN_ABI_ENUM(blkif_operation, uint8_t) {
    BLKIF_OP_READ = 0,
    BLKIF_OP_WRITE = 1,
    /// A write that nothing may overtake.
    BLKIF_OP_WRITE_BARRIER = 2,
    BLKIF_OP_FLUSH_DISKCACHE = 3,
    BLKIF_OP_RESERVED_1 = 4,
    /// blkif_request_discard.
    BLKIF_OP_DISCARD = 5,
    /// blkif_request_indirect.
    BLKIF_OP_INDIRECT = 6
};

/// Values of blkif_response.status.
XEN_ABI_ENUM(blkif_status, int16_t) {
    BLKIF_RSP_EOPNOTSUPP = -2,
    BLKIF_RSP_ERROR = -1,
    BLKIF_RSP_OKAY = 0
};

XEN_ABI_ENUM(blkif_limit, uint32_t) {
    BLKIF_MAX_SEGMENTS_PER_REQUEST = 11,
    BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST = 8,
    /// Segments in one indirect page.
    BLKIF_SEGMENTS_PER_INDIRECT_PAGE = 512
};

/// Bits of blkif_request_discard.flag.
XEN_ABI_ENUM(blkif_discard_flag, uint8_t) {
    BLKIF_DISCARD_SECURE = 1 << 0
};

/// Bits of the backend's "info" node.
XEN_ABI_ENUM(vdisk_info, uint32_t) {
    VDISK_CDROM = 0x1,
    VDISK_REMOVABLE = 0x2,
    VDISK_READONLY = 0x4
};

/// One piece of a transfer: part of one granted page. 8 bytes.
struct blkif_request_segment {
    grant_ref_t gref;
    /// First and last sector in the page, both included, 0 ... 7.
    uint8_t first_sect, last_sect;
};

XEN_ABI_SIZE(struct blkif_request_segment, 8)

/// Read, write, barrier or flush. 112 bytes.
struct blkif_request {
    /// BLKIF_OP_*.
    uint8_t operation;
    uint8_t nr_segments;
    /// The frontend's device number.
    uint16_t handle;
    /// Copied into the response.
    uint64_t id;
    uint64_t sector_number;
    struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

XEN_ABI_SIZE(struct blkif_request, 112)
XEN_ABI_OFFSET(struct blkif_request, id, 8)
XEN_ABI_OFFSET(struct blkif_request, seg, 24)

/// Discard. 32 bytes.
struct blkif_request_discard {
    /// BLKIF_OP_DISCARD.
    uint8_t operation;
    /// BLKIF_DISCARD_* bits.
    uint8_t flag;
    uint16_t handle;
    uint64_t id;
    uint64_t sector_number;
    uint64_t nr_sectors;
};

XEN_ABI_SIZE(struct blkif_request_discard, 32)

/// A transfer whose segments lie in granted pages of blkif_request_segment. 64 bytes.
struct blkif_request_indirect {
    /// BLKIF_OP_INDIRECT.
    uint8_t operation;
    /// BLKIF_OP_READ or BLKIF_OP_WRITE.
    uint8_t indirect_op;
    uint16_t nr_segments;
    uint64_t id;
    uint64_t sector_number;
    uint16_t handle;
    grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
};

XEN_ABI_SIZE(struct blkif_request_indirect, 64)

/// Answer to any request. 16 bytes.
struct blkif_response {
    uint64_t id;
    /// Operation of the request.
    uint8_t operation;
    /// BLKIF_RSP_*.
    int16_t status;
};

XEN_ABI_SIZE(struct blkif_response, 16)

/// One slot of the ring: 32 of them in a page.
union blkif_sring_entry {
    struct blkif_request req;
    struct blkif_response rsp;
};

XEN_ABI_SIZE(union blkif_sring_entry, 112)

XEN_ABI_END
