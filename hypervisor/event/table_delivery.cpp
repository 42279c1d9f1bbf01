// SPDX-License-Identifier: MIT
/// Delivery: from an occurrence to a pending bit, an upcall, a woken poller.
#include "event/table.hpp"

#include <bit>

namespace rf::event {

// Sending goes through these for every event: they become part of their callers.

[[gnu::always_inline]] inline void EventTable::notify(VcpuId id, VcpuEvents* target)
{
    if (!target || !target->mark_upcall_pending())
        return;
    if (polling_.load() != 0) [[unlikely]]
        end_poll(id);
    sink_.wake(id);
}

[[gnu::always_inline]] inline void EventTable::finish(Port port, VcpuId id, VcpuEvents* target, Effect effect)
{
    if (effect.notify)
        notify(id, target);
    if (effect.became_pending && polling_.load() != 0) [[unlikely]]
        wake_pollers(port);
}

/// The caller holds this table's lock, or that of the table at the other end of the open channel.
[[gnu::always_inline]] inline void EventTable::set_pending_inline(Port port, Channel& channel)
{
    VcpuId const id = channel.vcpu.load(acquire);
    VcpuEvents* const target = vcpus_[id].load(acquire); // a channel names a vCPU that there is
    if (Fifo* const fifo = fifo_.load()) {
        finish(port, id, target, fifo->set_pending(port, channel));
        return;
    }
    finish(port, id, target, two_level_.set_pending(port, target));
    if (Fifo* const fifo = fifo_.load()) [[unlikely]]
        move_to_fifo(port, channel, *fifo);
}

/// The domain went over to the FIFO while an event was made pending in the bitmap: see enter_fifo.
void EventTable::move_to_fifo(Port port, Channel& channel, Fifo& fifo)
{
    two_level_.clear_pending(port);
    VcpuId const id = channel.vcpu.load(acquire);
    finish(port, id, vcpus_[id].load(acquire), fifo.set_pending(port, channel));
}

void EventTable::set_pending(Port port, Channel& channel) { set_pending_inline(port, channel); }

Status EventTable::send(Port port)
{
    LockGuard guard(lock_);
    Channel* channel = find(port);
    if (!channel)
        return fail(Errno::einval);
    EventTable* target = this;
    if (channel->state == ChannelState::interdomain) {
        // Our lock keeps the far end connected to us, hence open, and its table alive.
        target = channel->remote;
        port = channel->number;
        channel = &target->existing(port);
    } else if (channel->state != ChannelState::ipi) {
        return channel->state == ChannelState::unbound ? Status{} : fail(Errno::einval);
    }
    target->set_pending_inline(port, *channel);
    return {};
}

Status EventTable::unmask(Port port)
{
    LockGuard guard(lock_);
    Channel* channel = find(port);
    if (!channel)
        return fail(Errno::einval);
    if (channel->state == ChannelState::free || channel->state == ChannelState::reserved)
        return {};
    if (Fifo* fifo = fifo_.load(relaxed)) {
        if (fifo->unmask(port))
            set_pending(port, *channel);
        return {};
    }
    VcpuId const id = channel->vcpu.load(relaxed);
    VcpuEvents* const target = vcpus_[id].load(acquire);
    if (two_level_.unmask(port, target))
        notify(id, target);
    return {};
}

void EventTable::raise_virq(VcpuId id, std::uint32_t virq)
{
    if (virq >= xen::NR_VIRQS)
        return;
    VcpuEvents* target = vcpu(is_global_virq(virq) ? 0 : id);
    if (!target)
        return;
    LockGuard guard(lock_);
    if (Port const port = target->virq_ports_[virq])
        set_pending(port, existing(port));
}

void EventTable::pirq_fired(std::uint32_t pirq)
{
    if (pirq >= pirq_ports_.size())
        return;
    LockGuard guard(lock_);
    if (Port const port = pirq_ports_[pirq])
        set_pending(port, existing(port));
}

Port EventTable::pirq_port(std::uint32_t pirq)
{
    LockGuard guard(lock_);
    return pirq < pirq_ports_.size() ? pirq_ports_[pirq] : 0;
}

void EventTable::clear_pending(Port port, Channel& channel)
{
    if (Fifo* fifo = fifo_.load(relaxed))
        fifo->clear_pending(port, channel);
    else
        two_level_.clear_pending(port);
}

bool EventTable::is_pending(Port port)
{
    Fifo* fifo = fifo_.load(relaxed);
    return fifo ? fifo->is_pending(port, *find(port))
                : port < xen::EVTCHN_2L_NR_CHANNELS && two_level_.is_pending(port);
}

void EventTable::wake_pollers(Port port)
{
    // Pairs with begin_poll: the pending bit was set before this load; a poller announces itself before it looks again.
    for (std::uint64_t left = polling_.load(); left; left &= left - 1) {
        auto const id = static_cast<VcpuId>(std::countr_zero(left));
        Port const polled = vcpu(id)->polled();
        if (polled != port && polled != VcpuEvents::polls_several)
            continue;
        std::uint64_t const bit = 1ull << id;
        if (polling_.fetch_and(~bit) & bit)
            sink_.wake(id);
    }
}

Result<bool> EventTable::any_pending_locked(std::span<Port const> ports)
{
    bool found = false;
    for (Port const port : ports) {
        if (port >= existing_ports())
            return fail(Errno::einval);
        found = found || is_pending(port);
    }
    return found;
}

Result<bool> EventTable::any_pending(std::span<Port const> ports)
{
    LockGuard guard(lock_);
    return any_pending_locked(ports);
}

Result<bool> EventTable::begin_poll(VcpuId id, std::span<Port const> ports)
{
    LockGuard guard(lock_);
    if (TRY(any_pending_locked(ports)))
        return true;
    bool const single = ports.size() == 1 && ports[0] != 0;
    vcpu(id)->polled_.store(single ? ports[0] : VcpuEvents::polls_several);
    polling_.fetch_or(1ull << id);
    // Looked at again after the announcement; cannot fail: the ports were checked above.
    if (!*any_pending_locked(ports) && !vcpu(id)->needs_upcall())
        return false;
    end_poll(id);
    return true;
}

void EventTable::end_poll(VcpuId id)
{
    std::uint64_t const bit = 1ull << id;
    if (polling_.load() & bit)
        polling_.fetch_and(~bit);
}

} // namespace rf::event
