// SPDX-License-Identifier: MIT
#pragma once
/// The event channels of one domain.
///
/// Locks: every state change of a channel holds its table's lock; for interdomain channels both tables' locks (LockPair).
/// Sending to a peer needs only the sender's lock, because the peer's end cannot be closed, reset or reused without it.
/// The pending state itself lives in memory shared with the guest and is touched by atomics only.
///
/// Lifetime: other tables point here only from interdomain channels and through counted holds; close_all() reports done
/// when both are gone. Errors are those of the hypercall (public header event_channel.h).

#include "base/budget.hpp"
#include "base/spinlock.hpp"
#include "cpu/insn.hpp"
#include "event/channel.hpp"
#include "event/fifo.hpp"
#include "event/pirq_control.hpp"
#include "event/sink.hpp"
#include "event/two_level.hpp"
#include "event/vcpu_events.hpp"
#include "mm/heap.hpp"

#include <span>

namespace rf::event {

class TableHold;

/// True for virtual interrupts that exist once per domain and are bound through vCPU 0.
[[nodiscard]] bool is_global_virq(std::uint32_t virq);

class EventTable {
public:
    /// What it takes is charged to `account`, which outlives it.
    EventTable(DomainId owner, Sink& sink, mm::Account& account);
    ~EventTable();
    EventTable(EventTable const&) = delete;
    EventTable& operator=(EventTable const&) = delete;

    /// Makes the table usable and enters it into the registry. `max_port` is the highest port the domain may have;
    /// `shared_page` lives as long as the domain. Errno::enomem, Errno::eexist (id is registered already).
    [[nodiscard]] Status init(xen::shared_info* shared_page, Port max_port, unsigned vcpu_limit);
    /// Bytes that a table with `max_port` takes at most; physical interrupts, which only the control domain has, not counted.
    [[nodiscard]] static std::uint64_t most_bytes(Port max_port);
    /// Makes a vCPU known; it then has a vcpu_info. Once per id, before the vCPU runs.
    void attach_vcpu(VcpuId id, VcpuEvents& vcpu);
    /// Lets the domain bind physical interrupts 0..count-1. Once, before the domain runs. Errno::enomem.
    [[nodiscard]] Status allow_pirqs(PirqControl& control, std::uint32_t count);

    [[nodiscard]] DomainId owner() const { return owner_; }

    /// A port that `remote` may connect to. Errno::enospc, Errno::enomem, Errno::einval (dying).
    [[nodiscard]] Result<Port> alloc_unbound(DomainId remote);
    /// Connects to `remote_port`; the new local port is pending at once. The caller holds `remote` (TableHold).
    /// Errno::einval: not unbound, or kept for another domain.
    [[nodiscard]] Result<Port> bind_interdomain(EventTable& remote, Port remote_port);
    /// Errno::einval (number, or a global one not on vCPU 0), Errno::enoent (no vCPU), Errno::eexist.
    [[nodiscard]] Result<Port> bind_virq(std::uint32_t virq, VcpuId vcpu);
    /// Errno::enoent: no such vCPU.
    [[nodiscard]] Result<Port> bind_ipi(VcpuId vcpu);
    /// Errno::eperm (no right), Errno::einval, Errno::eexist, Errno::ebusy.
    [[nodiscard]] Result<Port> bind_pirq(std::uint32_t pirq, Sharing sharing);
    /// Errno::einval: not open. Errno::eagain: the far end changed hands again and again meanwhile.
    [[nodiscard]] Status close(Port port);

    /// Errno::einval: not a port to send on. Sending on an unbound port succeeds without effect.
    [[nodiscard]] Status send(Port port);
    /// Clears the mask bit; delivers if pending. Errno::einval.
    [[nodiscard]] Status unmask(Port port);
    /// Errno::einval (per-vCPU binding or closed), Errno::enoent (no vCPU).
    [[nodiscard]] Status bind_vcpu(Port port, VcpuId vcpu);
    /// Fills status, vcpu and u of `answer`. Errno::einval: beyond the ports that exist.
    [[nodiscard]] Status fill_status(Port port, xen::evtchn_status& answer);
    /// The same as a value, with dom and port.
    [[nodiscard]] Result<xen::evtchn_status> status(Port port)
    {
        xen::evtchn_status answer{};
        answer.dom = owner_.value;
        answer.port = port;
        TRY(fill_status(port, answer));
        return answer;
    }
    /// Closes everything and returns to the two-level ABI.
    /// A restart continues where it stopped.
    [[nodiscard]] Progress reset(Budget& budget);

    /// FIFO: registers `vcpu`'s control block; the first call switches the domain over, keeping pending events.
    /// Errno::einval (place, ownership, twice), Errno::enoent (no vCPU), Errno::enomem.
    [[nodiscard]] Status init_control(Mfn frame, std::uint32_t offset, VcpuId vcpu);
    /// FIFO: adds a page of event words. Errno::eopnotsupp (not FIFO), Errno::enospc, Errno::einval.
    [[nodiscard]] Status expand_array(Mfn frame);
    /// Errno::eopnotsupp (not FIFO), Errno::einval.
    [[nodiscard]] Status set_priority(Port port, std::uint32_t priority);

    /// Raises a virtual interrupt; without effect when it is not bound. Global numbers ignore `vcpu`.
    void raise_virq(VcpuId vcpu, std::uint32_t virq);
    void raise_global_virq(std::uint32_t virq) { raise_virq(0, virq); }
    /// A physical interrupt arrived; without effect when it is not bound. May run in interrupt context (not while this
    /// CPU holds an event_table lock: interrupts are off there).
    void pirq_fired(std::uint32_t pirq);
    /// The port that a physical interrupt is bound to; 0 for none.
    [[nodiscard]] Port pirq_port(std::uint32_t pirq);

    /// True when one of the ports is pending, masked or not. Errno::einval: a port beyond those that exist.
    [[nodiscard]] Result<bool> any_pending(std::span<Port const> ports);
    /// Prepares to sleep until one of the ports becomes pending: false means sleep now, true means do not (a port is
    /// pending or an upcall is due). Later, when that happens, the poll is ended and Sink::wake is called. `vcpu` is the
    /// caller's own. Errno::einval.
    [[nodiscard]] Result<bool> begin_poll(VcpuId vcpu, std::span<Port const> ports);
    /// Ends a poll for another reason (timeout).
    void end_poll(VcpuId vcpu);

    /// Teardown: closes all channels, gives back all guest pages. No vCPU of the domain runs any more. `more` also while
    /// another CPU still holds this table.
    [[nodiscard]] Progress close_all(Budget& budget);

    /// function(Mfn) for each guest page on which the table has a writable use; for the audit, while the domain stands
    /// still.
    template <class Function>
    void for_each_frame(Function function) const
    {
        if (Fifo const* fifo = fifo_storage_.get())
            fifo->for_each_frame(function);
    }

    [[nodiscard]] bool uses_fifo() const { return fifo_.load(acquire) != nullptr; }
    /// Open channels.
    [[nodiscard]] std::uint32_t open_channels() const { return open_; }

private:
    friend class TableHold;

    [[nodiscard]] std::uint32_t existing_ports() const { return bucket_count_.load(acquire) * channels_per_bucket; }
    [[nodiscard]] Channel* find(Port& port);
    /// The channel of a port that surely exists.
    [[nodiscard]] Channel& existing(Port port);
    [[nodiscard]] Channel* find_open(Port& port);
    [[nodiscard]] VcpuEvents* vcpu(VcpuId id) const;

    [[nodiscard]] Result<Port> take_port();
    [[nodiscard]] Port free_port_in(std::uint32_t bucket);
    [[nodiscard]] Status add_bucket();
    Channel& occupy(Port port, ChannelState state, std::uint32_t number, VcpuId vcpu);
    void vacate(Port port, Channel& channel);

    [[nodiscard]] TableHold hold_peer(Port port);
    void close_locked(Port port, Channel& channel);
    [[nodiscard]] Port next_open(Port from);
    [[nodiscard]] Progress close_each(Budget& budget);
    [[nodiscard]] Status map_control_block(VcpuEvents& target, Mfn frame, std::uint32_t offset);
    [[nodiscard]] Status add_words(Mfn frame);
    void enter_fifo(mm::Box<Fifo> fifo);
    [[nodiscard]] mm::Box<Fifo> leave_fifo();

    void set_pending(Port port, Channel& channel);
    void set_pending_inline(Port port, Channel& channel);
    [[gnu::cold]] void move_to_fifo(Port port, Channel& channel, Fifo& fifo);
    void finish(Port port, VcpuId id, VcpuEvents* target, Effect effect);
    void clear_pending(Port port, Channel& channel);
    [[nodiscard]] bool is_pending(Port port);
    [[nodiscard]] Result<bool> any_pending_locked(std::span<Port const> ports);
    void notify(VcpuId id, VcpuEvents* target);
    void wake_pollers(Port port);

    Spinlock lock_{LockRank::event_table};
    DomainId owner_;
    Sink& sink_;
    mm::Account& account_;
    TwoLevel two_level_;
    mm::Box<Fifo> fifo_storage_;
    Atomic<Fifo*> fifo_{nullptr}; ///< non-null: the domain uses the FIFO ABI
    mm::Array<Bucket*> buckets_;
    Atomic<std::uint32_t> bucket_count_{0};
    std::uint32_t first_open_bucket_ = 0; ///< all buckets below it are full
    std::uint32_t open_ = 0;
    Port close_cursor_ = 1;
    Port max_port_ = 0;
    unsigned vcpu_limit_ = 0;
    bool dying_ = false;
    bool registered_ = false;
    Atomic<std::uint32_t> holds_{0};
    Atomic<std::uint64_t> polling_{0}; ///< vCPUs that poll
    VcpuArray vcpus_{};
    PirqControl* pirqs_ = nullptr;
    mm::Array<Port> pirq_ports_;
};

inline Channel* EventTable::find(Port& port)
{
    if (!cpu::clamp_index(port, existing_ports()))
        return nullptr;
    Channel* const found = &existing(port);
    if (!found) // spares every caller's hot way a test
        __builtin_unreachable();
    return found;
}

inline Channel& EventTable::existing(Port port)
{
    return buckets_[port / channels_per_bucket]->channels[port % channels_per_bucket];
}

inline VcpuEvents* EventTable::vcpu(VcpuId id) const
{
    return cpu::clamp_index(id, vcpu_limit_) ? vcpus_[id].load(acquire) : nullptr;
}

} // namespace rf::event
