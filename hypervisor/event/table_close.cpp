// SPDX-License-Identifier: MIT
/// Closing of channels, one by one or all; the way into and out of the FIFO ABI.
#include "event/registry.hpp"
#include "mm/page_ref.hpp"

namespace rf::event {
namespace {

/// How often close() follows a far end that other processors rebind meanwhile.
constexpr unsigned closing_attempts = 8;

} // namespace

void EventTable::vacate(Port port, Channel& channel)
{
    std::uint32_t const bucket = port / channels_per_bucket;
    channel.state = ChannelState::free;
    channel.remote = nullptr;
    channel.vcpu.store(0, relaxed);
    --buckets_[bucket]->used;
    --open_;
    if (bucket < first_open_bucket_)
        first_open_bucket_ = bucket;
}

/// The table whose lock closing `port` needs besides ours; our own when there is none.
TableHold EventTable::hold_peer(Port port)
{
    LockGuard guard(lock_);
    Channel* channel = find(port);
    bool const has_peer = channel && channel->state == ChannelState::interdomain;
    return TableHold(has_peer ? *channel->remote : *this);
}

Status EventTable::close(Port port)
{
    for (unsigned attempt = 0; attempt < closing_attempts; ++attempt) {
        TableHold const peer = hold_peer(port);
        LockPair both(lock_, (*peer).lock_);
        Channel* channel = find_open(port);
        if (!channel)
            return fail(Errno::einval);
        if (channel->state == ChannelState::interdomain && channel->remote != &*peer)
            continue;
        close_locked(port, *channel);
        return {};
    }
    return fail(Errno::eagain);
}

/// Both ends' locks are held.
void EventTable::close_locked(Port port, Channel& channel)
{
    switch (channel.state) {
    case ChannelState::interdomain: {
        Channel& far = channel.remote->existing(channel.number);
        far.state = ChannelState::unbound; // and kept for us: far.domain stays
        far.remote = nullptr;
        break;
    }
    case ChannelState::virq:
        vcpu(is_global_virq(channel.number) ? 0 : channel.vcpu.load(relaxed))->virq_ports_[channel.number] = 0;
        break;
    case ChannelState::pirq:
        pirq_ports_[channel.number] = 0;
        pirqs_->unbind(channel.number);
        break;
    case ChannelState::unbound:
    case ChannelState::ipi:
    case ChannelState::free:
    case ChannelState::reserved:
        break;
    }
    clear_pending(port, channel);
    vacate(port, channel);
}

/// The first open port at or after `from`; 0 when there is none.
Port EventTable::next_open(Port from)
{
    std::uint32_t const count = bucket_count_.load(relaxed);
    for (std::uint32_t bucket = from / channels_per_bucket; bucket < count; ++bucket) {
        if (buckets_[bucket]->used == 0)
            continue;
        Port const first = bucket * channels_per_bucket;
        for (Port port = from > first ? from : first; port < first + channels_per_bucket; ++port)
            if (find_open(port))
                return port;
    }
    return 0;
}

Progress EventTable::close_each(Budget& budget)
{
    while (budget.spend()) {
        Port port;
        {
            LockGuard guard(lock_);
            port = next_open(close_cursor_);
            close_cursor_ = port ? port : 1;
            if (open_ == 0)
                return Progress::done;
        }
        // May fail when another processor closes it first; the next round sees what is left.
        if (port)
            (void)close(port);
    }
    return Progress::more;
}

Progress EventTable::reset(Budget& budget)
{
    if (close_each(budget) == Progress::more)
        return Progress::more;
    mm::Box<Fifo> former; // its pages go back after the lock
    LockGuard guard(lock_);
    if (open_ != 0) // opened by another vCPU just now
        return Progress::more;
    former = leave_fifo();
    return Progress::done;
}

Progress EventTable::close_all(Budget& budget)
{
    {
        LockGuard guard(lock_);
        dying_ = true;
    }
    if (registered_)
        registry.remove(*this);
    registered_ = false;
    if (close_each(budget) == Progress::more)
        return Progress::more;
    if (holds_.load(acquire) != 0)
        return Progress::more;
    mm::Box<Fifo> former;
    {
        LockGuard guard(lock_);
        former = leave_fifo();
    }
    for (auto& slot : vcpus_)
        if (VcpuEvents* vcpu = slot.load(acquire))
            vcpu->unregister_vcpu_info();
    return Progress::done;
}

mm::Box<Fifo> EventTable::leave_fifo()
{
    if (Fifo* fifo = fifo_.load(relaxed))
        fifo->detach();
    fifo_.store(nullptr, release);
    return std::move(fifo_storage_);
}

Status EventTable::init_control(Mfn frame, std::uint32_t offset, VcpuId id)
{
    VcpuEvents* target = vcpu(id);
    if (!target)
        return fail(Errno::enoent);
    if (!mm::take_writable(frame, owner_))
        return fail(Errno::einval);
    Status const mapped = map_control_block(*target, frame, offset);
    if (!mapped)
        mm::drop_writable(frame);
    return mapped;
}

/// The caller's writable use of `frame` is taken over on success.
Status EventTable::map_control_block(VcpuEvents& target, Mfn frame, std::uint32_t offset)
{
    LockGuard guard(lock_);
    if (dying_)
        return fail(Errno::einval);
    if (Fifo* fifo = fifo_.load(relaxed))
        return fifo->map_control_block(target, frame, offset);
    mm::Box<Fifo> fifo = TRY(mm::Box<Fifo>::make_for(account_, vcpus_));
    TRY(fifo->map_control_block(target, frame, offset));
    enter_fifo(std::move(fifo));
    return {};
}

void EventTable::enter_fifo(mm::Box<Fifo> fifo)
{
    fifo_storage_ = std::move(fifo);
    // From here on senders use the FIFO; one that still sets a two-level bit looks at fifo_ once more afterwards, so each
    // event is seen by it or by this loop.
    fifo_.store(fifo_storage_.get());
    for (Port port = 1; port < existing_ports() && port < xen::EVTCHN_2L_NR_CHANNELS; ++port) {
        Channel* channel = find_open(port);
        if (two_level_.clear_pending(port) && channel)
            set_pending(port, *channel);
    }
}

Status EventTable::expand_array(Mfn frame)
{
    if (!uses_fifo())
        return fail(Errno::eopnotsupp);
    if (!mm::take_writable(frame, owner_))
        return fail(Errno::einval);
    Status const added = add_words(frame);
    if (!added)
        mm::drop_writable(frame);
    return added;
}

/// The caller's writable use of `frame` is taken over on success.
Status EventTable::add_words(Mfn frame)
{
    LockGuard guard(lock_);
    Fifo* fifo = fifo_.load(relaxed);
    if (!fifo) // reset meanwhile
        return fail(Errno::eopnotsupp);
    Port const first = TRY(fifo->add_page(frame));
    for (Port port = first; port < first + Fifo::words_per_page && port < existing_ports(); ++port) {
        Channel* channel = find_open(port);
        if (channel && channel->remembered.exchange(false))
            set_pending(port, *channel);
    }
    return {};
}

Status EventTable::set_priority(Port port, std::uint32_t priority)
{
    LockGuard guard(lock_);
    if (!uses_fifo())
        return fail(Errno::eopnotsupp);
    Channel* channel = find_open(port);
    if (priority > xen::EVTCHN_FIFO_PRIORITY_MIN || !channel)
        return fail(Errno::einval);
    channel->priority.store(static_cast<std::uint8_t>(priority), relaxed);
    return {};
}

} // namespace rf::event
