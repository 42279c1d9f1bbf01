// SPDX-License-Identifier: MIT
#pragma once
/// How events leave this room upward: the domain layer implements Sink.

#include "base/types.hpp"

namespace rf::event {

class Sink {
public:
    /// Called whenever vcpu_info.evtchn_upcall_pending of `vcpu` went from 0 to 1, and whenever a port that the vCPU polls
    /// became pending. The implementation makes a blocked or polling vCPU runnable and interrupts a running one, so that
    /// it passes the exit test `VcpuEvents::needs_upcall()`.
    ///
    /// It is called while upcalls are masked, too: guests unmask with a plain store followed by a plain load of the
    /// pending byte, which the processor may reorder, so a mask bit read here says nothing about a running vCPU. (A vCPU
    /// in SCHEDOP_block has upcalls unmasked; for one that polls, an early return is allowed by the ABI.)
    ///
    /// Context: an event_table lock is held, possibly another domain's. The run queue's lock may be taken.
    virtual void wake(VcpuId vcpu) = 0;

protected:
    ~Sink() = default;
};

} // namespace rf::event
