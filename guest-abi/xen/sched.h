// SPDX-License-Identifier: MIT
/// HYPERVISOR_sched_op: giving up the processor, sleeping, shutting down. Source: sched.h.
#pragma once

#include "xen/abi.h"
#include "xen/event.h"

XEN_ABI_BEGIN

/// Sub-operations.
XEN_ABI_ENUM(schedop, uint32_t) {
    /// Let others run. No argument.
    SCHEDOP_yield = 0,
    /// Enable upcalls and sleep until an event is pending. No argument.
    SCHEDOP_block = 1,
    /// sched_shutdown. For SHUTDOWN_suspend the third argument of the call is start_info's frame.
    SCHEDOP_shutdown = 2,
    /// sched_poll.
    SCHEDOP_poll = 3,
    /// sched_remote_shutdown; privileged.
    SCHEDOP_remote_shutdown = 4,
    /// sched_shutdown: only note the reason for a later shutdown.
    SCHEDOP_shutdown_code = 5,
    /// sched_watchdog.
    SCHEDOP_watchdog = 6,
    /// sched_pin_override.
    SCHEDOP_pin_override = 7
};

/// Reasons of a shutdown.
XEN_ABI_ENUM(shutdown_reason, uint32_t) {
    SHUTDOWN_poweroff = 0,
    SHUTDOWN_reboot = 1,
    /// Saved by the toolstack, to be resumed here or elsewhere.
    SHUTDOWN_suspend = 2,
    SHUTDOWN_crash = 3,
    SHUTDOWN_watchdog = 4,
    /// Restart the kernel in the same domain.
    SHUTDOWN_soft_reset = 5,
    SHUTDOWN_MAX = 5
};

/// Argument of SCHEDOP_shutdown, 4 bytes.
struct sched_shutdown {
    /// SHUTDOWN_*.
    uint32_t reason;
};

XEN_ABI_SIZE(struct sched_shutdown, 4)

/// Argument of SCHEDOP_poll: sleep until one of the ports is pending, masked or not. 24 bytes.
struct sched_poll {
    XEN_HANDLE(evtchn_port_t) ports;
    /// At most 128.
    uint32_t nr_ports;
    /// System time in nanoseconds; 0 waits without limit.
    uint64_t timeout;
};

XEN_ABI_SIZE(struct sched_poll, 24)

/// Argument of SCHEDOP_remote_shutdown, 8 bytes.
struct sched_remote_shutdown {
    domid_t domain_id;
    /// SHUTDOWN_*.
    uint32_t reason;
};

XEN_ABI_SIZE(struct sched_remote_shutdown, 8)

/// Argument of SCHEDOP_watchdog, 8 bytes.
struct sched_watchdog {
    /// 0 asks for a new watchdog, whose number (from 1) the call returns.
    uint32_t id;
    /// Seconds; 0 stops it.
    uint32_t timeout;
};

XEN_ABI_SIZE(struct sched_watchdog, 8)

/// Argument of SCHEDOP_pin_override, 4 bytes.
struct sched_pin_override {
    /// Physical CPU to run on until further notice; negative ends the override.
    int32_t pcpu;
};

XEN_ABI_SIZE(struct sched_pin_override, 4)

XEN_ABI_END
