// SPDX-License-Identifier: MIT
#pragma once
/// One vCPU's side of event delivery: where its vcpu_info lives, its FIFO queues, what it polls, its virtual interrupts.
///
/// vcpu_info is written by the guest at any time; every access here is one atomic access. The live structure is found
/// through one pointer that changes at most once while the vCPU runs (register_vcpu_info). Old places (shared_info, the
/// dummy) stay valid as long as the domain, so a late writer to the old place does no harm.
///
/// Lifetime: part of Vcpu, which lives as long as its domain; EventTable::attach_vcpu makes it known.

#include "base/atomic.hpp"
#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "base/types.hpp"
#include "xen/event.h"
#include "xen/shared_info.h"

#include <array>

namespace rf::event {

/// Rank of the locks of FIFO queues: taken inside an event_table lock, nothing is taken inside them.
inline constexpr LockRank queue_lock_rank = LockRank::event_queue;

/// The host's half of one vCPU's FIFO queues. `tails` and the binding of ports to queues change under `lock`.
struct FifoQueues {
    Spinlock lock{queue_lock_rank};
    /// The guest's control block, null until EVTCHNOP_init_control; published by a release store.
    Atomic<xen::evtchn_fifo_control_block*> control{nullptr};
    std::array<Port, xen::EVTCHN_FIFO_MAX_QUEUES> tails{};
};

class VcpuEvents {
public:
    /// Values of polled(): nothing, or more than one port.
    static constexpr Port polls_nothing = 0;
    static constexpr Port polls_several = ~0u;

    /// Until it is attached, vcpu_info is a private dummy with upcalls masked.
    VcpuEvents();
    VcpuEvents(VcpuEvents const&) = delete;
    VcpuEvents& operator=(VcpuEvents const&) = delete;

    /// The live vcpu_info. Fields are shared with the guest: use rf::shared(), read once.
    [[nodiscard]] xen::vcpu_info& info() const { return *info_.load(acquire); }
    /// Where the pointer to it is, for code that has no C++ (entry/).
    [[nodiscard]] Atomic<xen::vcpu_info*> const& info_pointer() const { return info_; }

    [[nodiscard]] bool upcall_pending() const { return shared(info().evtchn_upcall_pending).load(relaxed) != 0; }
    [[nodiscard]] bool upcall_masked() const { return shared(info().evtchn_upcall_mask).load(relaxed) != 0; }
    /// The exit test: the guest must be given an event frame now.
    [[nodiscard]] bool needs_upcall() const
    {
        xen::vcpu_info& live = info();
        return shared(live.evtchn_upcall_pending).load(relaxed) != 0 &&
               shared(live.evtchn_upcall_mask).load(relaxed) == 0;
    }
    void mask_upcalls() { shared(info().evtchn_upcall_mask).store(1, release); }
    /// Sequentially consistent: a later upcall_pending() cannot miss an event whose sender saw the mask (SCHEDOP_block).
    void unmask_upcalls() { shared(info().evtchn_upcall_mask).store(0); }
    /// Sets evtchn_upcall_pending; true when it was clear. Does not wake anybody.
    bool mark_upcall_pending() { return shared(info().evtchn_upcall_pending).exchange(1) == 0; }

    /// Moves vcpu_info to `place` (hypervisor's mapping of the guest's page `frame`, on which the caller holds a writable
    /// reference that passes to this object). The old content is copied; then everything is marked pending, because
    /// senders may have used the old place meanwhile. The caller serialises (domain control lock).
    /// Errno::einval: registered already (the reference stays with the caller).
    [[nodiscard]] Status register_vcpu_info(xen::vcpu_info* place, Mfn frame);
    [[nodiscard]] bool is_registered() const { return registered_frame_.valid(); }
    [[nodiscard]] Mfn registered_frame() const { return registered_frame_; }
    /// Back to the built-in place, dropping the page reference; for teardown and soft reset, while the vCPU is stopped.
    void unregister_vcpu_info();

    /// The one port that is polled, or polls_several, or polls_nothing. See EventTable::begin_poll.
    [[nodiscard]] Port polled() const { return polled_.load(); }

private:
    friend class EventTable;
    friend class Fifo;
    void attach(xen::shared_info& shared_page, VcpuId id);

    alignas(64) xen::vcpu_info dummy_{};
    Atomic<xen::vcpu_info*> info_;
    xen::vcpu_info* built_in_; ///< in shared_info, or the dummy for ids beyond it
    Mfn registered_frame_ = invalid_mfn;
    Atomic<Port> polled_{polls_nothing};
    std::array<Port, xen::NR_VIRQS> virq_ports_{}; ///< 0 = not bound; under the table's lock
    FifoQueues queues_;
};

} // namespace rf::event
