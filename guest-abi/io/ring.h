// SPDX-License-Identifier: MIT
/// The shared page of a request/response ring. Source: io/ring.h.
///
/// Layout: one ring_header of 64 bytes, then a power-of-two number of entries. An entry is a union
/// of the request and the response type; a response overwrites the request that was read earlier.
///
/// Index arithmetic: all indices are free-running 32-bit counters that wrap; entry i lives in slot
/// i & (entries - 1). The frontend owns req_prod and rsp_event, the backend rsp_prod and req_event.
/// Requests waiting are req_prod - (backend's private req_cons); a difference larger than the
/// number of entries means the other side is hostile or broken, and the ring is abandoned.
///
/// Notification hold-off: after publishing a new producer index, with a full memory barrier
/// between, the producer reads the consumer's event index and notifies if and only if
///   (uint32_t)(new_prod - event) < (uint32_t)(new_prod - old_prod).
/// A consumer about to sleep sets its event index to cons + 1, executes a full barrier and looks
/// once more for work.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Head of every shared ring, 64 bytes.
struct ring_header {
    /// Requests published so far.
    uint32_t req_prod;
    /// Notify the backend when req_prod passes this.
    uint32_t req_event;
    /// Responses published so far.
    uint32_t rsp_prod;
    /// Notify the frontend when rsp_prod passes this.
    uint32_t rsp_event;
    /// Private to the device type, and room up to 64 bytes.
    uint8_t pad[48];
};

XEN_ABI_SIZE(struct ring_header, 64)
XEN_ABI_OFFSET(struct ring_header, rsp_event, 12)

/// Number of entries of a ring of `ring_bytes` bytes (one page, or 2^order of them) whose entries
/// have `entry_bytes` bytes: what fits behind the header, rounded down to a power of two.
XEN_ABI_INLINE uint32_t ring_entries(uint32_t ring_bytes, uint32_t entry_bytes) {
    uint32_t const fitting = (ring_bytes - XEN_ABI_CAST(uint32_t, sizeof(struct ring_header))) / entry_bytes;
    uint32_t entries = 1;
    while (entries * 2 <= fitting) entries *= 2;
    return entries;
}

XEN_ABI_END
