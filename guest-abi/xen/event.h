// SPDX-License-Identifier: MIT
/// Event channels: HYPERVISOR_event_channel_op, the two-level ABI's limits and the FIFO ABI's
/// shared words. Virtual interrupt numbers. Sources: event_channel.h, xen.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// A domain's local name of one end of a channel. Port 0 is never used.
typedef uint32_t evtchn_port_t;
/// FIFO ABI: one event's state word, see event_word_bit.
typedef uint32_t event_word_t;

/// Virtual interrupts. "Global" ones reach one domain (the control domain by default) and are
/// bound to vCPU 0; the others exist once per vCPU.
XEN_ABI_ENUM(virq_number, uint32_t) {
    /// Per vCPU: a timer fired.
    VIRQ_TIMER = 0,
    /// Per vCPU: dump debugging information.
    VIRQ_DEBUG = 1,
    /// Global: the hypervisor console has input.
    VIRQ_CONSOLE = 2,
    /// Global: a domain died, shut down or came to be.
    VIRQ_DOM_EXC = 3,
    /// Global: trace buffer.
    VIRQ_TBUF = 4,
    /// Global: a domain paused for its debugger.
    VIRQ_DEBUGGER = 6,
    VIRQ_XENOPROF = 7,
    /// Global: new text in the hypervisor's console ring.
    VIRQ_CON_RING = 8,
    /// Global: a physical CPU went online or offline.
    VIRQ_PCPU_STATE = 9,
    VIRQ_MEM_EVENT = 10,
    VIRQ_ARGO = 11,
    /// Global: little memory left.
    VIRQ_ENOMEM = 12,
    VIRQ_XENPMU = 13,
    /// Global: machine check.
    VIRQ_ARCH_0 = 16,
    VIRQ_ARCH_1 = 17,
    VIRQ_ARCH_2 = 18,
    VIRQ_ARCH_3 = 19,
    VIRQ_ARCH_4 = 20,
    VIRQ_ARCH_5 = 21,
    VIRQ_ARCH_6 = 22,
    VIRQ_ARCH_7 = 23,
    VIRQ_MCA = VIRQ_ARCH_0,
    NR_VIRQS = 24
};

/// Sub-operations of HYPERVISOR_event_channel_op. The argument is the structure of the same name.
XEN_ABI_ENUM(evtchnop, uint32_t) {
    EVTCHNOP_bind_interdomain = 0,
    EVTCHNOP_bind_virq = 1,
    EVTCHNOP_bind_pirq = 2,
    EVTCHNOP_close = 3,
    EVTCHNOP_send = 4,
    EVTCHNOP_status = 5,
    EVTCHNOP_alloc_unbound = 6,
    EVTCHNOP_bind_ipi = 7,
    EVTCHNOP_bind_vcpu = 8,
    EVTCHNOP_unmask = 9,
    EVTCHNOP_reset = 10,
    EVTCHNOP_init_control = 11,
    EVTCHNOP_expand_array = 12,
    EVTCHNOP_set_priority = 13
};

/// Allocate a port of `dom` that only `remote_dom` may connect to. 8 bytes.
struct evtchn_alloc_unbound {
    /// In: owner (usually DOMID_SELF) and the domain that may bind.
    domid_t dom, remote_dom;
    /// Out.
    evtchn_port_t port;
};

XEN_ABI_SIZE(struct evtchn_alloc_unbound, 8)

/// Connect to another domain's unbound port. The new port is pending at once. 12 bytes.
struct evtchn_bind_interdomain {
    /// In.
    domid_t remote_dom;
    /// In.
    evtchn_port_t remote_port;
    /// Out.
    evtchn_port_t local_port;
};

XEN_ABI_SIZE(struct evtchn_bind_interdomain, 12)

/// Bind a virtual interrupt to a vCPU. 12 bytes.
struct evtchn_bind_virq {
    /// In: VIRQ_*.
    uint32_t virq;
    /// In: 0 for global ones.
    uint32_t vcpu;
    /// Out.
    evtchn_port_t port;
};

XEN_ABI_SIZE(struct evtchn_bind_virq, 12)

/// Bits of evtchn_bind_pirq.flags.
XEN_ABI_ENUM(bind_pirq_flag, uint32_t) {
    /// The line may be shared with another domain.
    BIND_PIRQ__WILL_SHARE = 1
};

/// Bind a physical interrupt mapped by PHYSDEVOP_map_pirq. 12 bytes.
struct evtchn_bind_pirq {
    /// In.
    uint32_t pirq;
    /// In: BIND_PIRQ__* bits.
    uint32_t flags;
    /// Out.
    evtchn_port_t port;
};

XEN_ABI_SIZE(struct evtchn_bind_pirq, 12)

/// Allocate a port by which one vCPU interrupts another. 8 bytes.
struct evtchn_bind_ipi {
    /// In: the vCPU to interrupt.
    uint32_t vcpu;
    /// Out.
    evtchn_port_t port;
};

XEN_ABI_SIZE(struct evtchn_bind_ipi, 8)

/// Close a local port. 4 bytes.
struct evtchn_close {
    evtchn_port_t port;
};

XEN_ABI_SIZE(struct evtchn_close, 4)

/// Notify the other end of a port. 4 bytes.
struct evtchn_send {
    evtchn_port_t port;
};

XEN_ABI_SIZE(struct evtchn_send, 4)

/// What evtchn_status.status says.
XEN_ABI_ENUM(evtchn_state, uint32_t) {
    EVTCHNSTAT_closed = 0,
    EVTCHNSTAT_unbound = 1,
    EVTCHNSTAT_interdomain = 2,
    EVTCHNSTAT_pirq = 3,
    EVTCHNSTAT_virq = 4,
    EVTCHNSTAT_ipi = 5
};

/// Ask about a port. 24 bytes.
struct evtchn_status {
    /// In: the port's owner.
    domid_t dom;
    /// In.
    evtchn_port_t port;
    /// Out: EVTCHNSTAT_*.
    uint32_t status;
    /// Out: the vCPU that is notified.
    uint32_t vcpu;
    /// Out: by status.
    union {
        struct {
            domid_t dom;
        } unbound;
        struct {
            domid_t dom;
            evtchn_port_t port;
        } interdomain;
        uint32_t pirq;
        uint32_t virq;
    } u;
};

XEN_ABI_SIZE(struct evtchn_status, 24)
XEN_ABI_OFFSET(struct evtchn_status, u, 16)

/// Choose the vCPU a port notifies. 8 bytes.
struct evtchn_bind_vcpu {
    evtchn_port_t port;
    uint32_t vcpu;
};

XEN_ABI_SIZE(struct evtchn_bind_vcpu, 8)

/// Clear the mask bit and deliver if pending. 4 bytes.
struct evtchn_unmask {
    evtchn_port_t port;
};

XEN_ABI_SIZE(struct evtchn_unmask, 4)

/// Close all ports and return to the two-level ABI. 2 bytes.
struct evtchn_reset {
    domid_t dom;
};

XEN_ABI_SIZE(struct evtchn_reset, 2)

/// FIFO: register one vCPU's control block. The first call switches the domain over. 24 bytes.
struct evtchn_init_control {
    /// In: frame of the control block.
    uint64_t control_gfn;
    /// In: byte offset in the frame, 8-aligned.
    uint32_t offset;
    /// In.
    uint32_t vcpu;
    /// Out: width of the link field (EVTCHN_FIFO_LINK_BITS).
    uint8_t link_bits;
    uint8_t _pad[7];
};

XEN_ABI_SIZE(struct evtchn_init_control, 24)

/// FIFO: add one page of event words. 8 bytes.
struct evtchn_expand_array {
    uint64_t array_gfn;
};

XEN_ABI_SIZE(struct evtchn_expand_array, 8)

/// FIFO: choose the queue of a port. 8 bytes.
struct evtchn_set_priority {
    evtchn_port_t port;
    /// EVTCHN_FIFO_PRIORITY_MAX (first served) ... EVTCHN_FIFO_PRIORITY_MIN.
    uint32_t priority;
};

XEN_ABI_SIZE(struct evtchn_set_priority, 8)

/// Ports the two ABIs can name, and FIFO priorities.
XEN_ABI_ENUM(evtchn_limit, uint32_t) {
    EVTCHN_2L_NR_CHANNELS = 4096,
    EVTCHN_FIFO_PRIORITY_MAX = 0,
    EVTCHN_FIFO_PRIORITY_DEFAULT = 7,
    EVTCHN_FIFO_PRIORITY_MIN = 15,
    EVTCHN_FIFO_MAX_QUEUES = EVTCHN_FIFO_PRIORITY_MIN + 1,
    EVTCHN_FIFO_LINK_BITS = 17,
    EVTCHN_FIFO_LINK_MASK = (1 << EVTCHN_FIFO_LINK_BITS) - 1,
    EVTCHN_FIFO_NR_CHANNELS = 1 << EVTCHN_FIFO_LINK_BITS
};

/// Bit numbers in an event word; the bits below EVTCHN_FIFO_LINK_BITS hold the next port in the queue.
XEN_ABI_ENUM(event_word_bit, uint32_t) {
    EVTCHN_FIFO_PENDING = 31,
    EVTCHN_FIFO_MASKED = 30,
    EVTCHN_FIFO_LINKED = 29,
    EVTCHN_FIFO_BUSY = 28
};

/// FIFO: one vCPU's queue heads, 72 bytes, shared with the hypervisor.
struct evtchn_fifo_control_block {
    /// Bit q set: queue q may hold events.
    uint32_t ready;
    uint32_t _rsvd;
    /// First port of each queue; 0 when empty.
    uint32_t head[EVTCHN_FIFO_MAX_QUEUES];
};

XEN_ABI_SIZE(struct evtchn_fifo_control_block, 72)

XEN_ABI_END
