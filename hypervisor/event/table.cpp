// SPDX-License-Identifier: MIT
/// Life of the table, binding and status of channels. Closing is in table_close.cpp, delivery in table_delivery.cpp.
#include "event/table.hpp"

#include "base/panic.hpp"
#include "event/registry.hpp"

#include <algorithm>
#include <new>

namespace rf::event {

bool is_global_virq(std::uint32_t virq)
{
    return virq != xen::VIRQ_TIMER && virq != xen::VIRQ_DEBUG && virq != xen::VIRQ_XENOPROF && virq != xen::VIRQ_XENPMU;
}

EventTable::EventTable(DomainId owner, Sink& sink, mm::Account& account) : owner_(owner), sink_(sink), account_(account) {}

EventTable::~EventTable()
{
    if (registered_)
        registry.remove(*this);
    require(open_ == 0 && !uses_fifo() && holds_.load(acquire) == 0, "event table destroyed before close_all was done");
    for (std::uint32_t bucket = 0; bucket < bucket_count_.load(relaxed); ++bucket)
        account_.release(buckets_[bucket], sizeof(Bucket));
}

namespace {
[[nodiscard]] Port highest_port(Port wanted) { return std::min<Port>(wanted, xen::EVTCHN_FIFO_NR_CHANNELS - 1); }
} // namespace

std::uint64_t EventTable::most_bytes(Port max_port)
{
    std::uint64_t const buckets = highest_port(max_port) / channels_per_bucket + 1;
    return mm::heap_footprint(buckets * sizeof(Bucket*)) + buckets * mm::heap_footprint(sizeof(Bucket)) + mm::heap_footprint(sizeof(Fifo));
}

Status EventTable::init(xen::shared_info* shared_page, Port max_port, unsigned vcpu_limit)
{
    two_level_.init(shared_page);
    max_port_ = highest_port(max_port);
    vcpu_limit_ = std::min(vcpu_limit, max_vcpus_per_domain);
    buckets_ = TRY(mm::Array<Bucket*>::make(max_port_ / channels_per_bucket + 1, &account_));
    TRY(add_bucket());
    buckets_[0]->channels[0].state = ChannelState::reserved;
    buckets_[0]->used = 1;
    TRY(registry.add(*this));
    registered_ = true;
    return {};
}

void EventTable::attach_vcpu(VcpuId id, VcpuEvents& vcpu)
{
    vcpu.attach(two_level_.page(), id);
    vcpus_[id].store(&vcpu, release);
}

Status EventTable::allow_pirqs(PirqControl& control, std::uint32_t count)
{
    pirq_ports_ = TRY(mm::Array<Port>::make(count, &account_));
    pirqs_ = &control;
    return {};
}

Channel* EventTable::find_open(Port& port)
{
    Channel* channel = find(port);
    bool const open = channel && channel->state != ChannelState::free && channel->state != ChannelState::reserved;
    return open ? channel : nullptr;
}

Status EventTable::add_bucket()
{
    void* memory = account_.allocate(sizeof(Bucket));
    if (!memory)
        return fail(Errno::enomem);
    std::uint32_t const count = bucket_count_.load(relaxed);
    buckets_[count] = ::new (memory) Bucket{};
    bucket_count_.store(count + 1, release);
    return {};
}

/// A port of the bucket that can be handed out; 0 when there is none.
Port EventTable::free_port_in(std::uint32_t bucket)
{
    Fifo* fifo = fifo_.load(acquire);
    for (unsigned index = 0; index < channels_per_bucket; ++index) {
        Port const port = bucket * channels_per_bucket + index;
        if (buckets_[bucket]->channels[index].state == ChannelState::free && !(fifo && fifo->is_busy(port)))
            return port;
    }
    return 0;
}

/// The lowest port that can be handed out. It stays free until occupy().
Result<Port> EventTable::take_port()
{
    if (dying_)
        return fail(Errno::einval);
    Port const abi_limit = uses_fifo() ? xen::EVTCHN_FIFO_NR_CHANNELS : xen::EVTCHN_2L_NR_CHANNELS;
    Port const limit = std::min(max_port_ + 1, abi_limit);
    std::uint32_t const count = bucket_count_.load(relaxed);
    while (first_open_bucket_ < count && buckets_[first_open_bucket_]->used == channels_per_bucket)
        ++first_open_bucket_;
    Port port = 0;
    for (std::uint32_t bucket = first_open_bucket_; bucket < count && port == 0; ++bucket)
        if (buckets_[bucket]->used < channels_per_bucket)
            port = free_port_in(bucket);
    if (port == 0)
        port = existing_ports();
    if (port >= limit)
        return fail(Errno::enospc);
    if (port == existing_ports())
        TRY(add_bucket());
    return port;
}

Channel& EventTable::occupy(Port port, ChannelState state, std::uint32_t number, VcpuId vcpu)
{
    Channel& channel = existing(port);
    channel.remote = nullptr;
    channel.number = number;
    channel.vcpu.store(static_cast<std::uint8_t>(vcpu), relaxed);
    channel.priority.store(xen::EVTCHN_FIFO_PRIORITY_DEFAULT, relaxed);
    channel.state = state;
    ++buckets_[port / channels_per_bucket]->used;
    ++open_;
    return channel;
}

Result<Port> EventTable::alloc_unbound(DomainId remote)
{
    LockGuard guard(lock_);
    Port const port = TRY(take_port());
    occupy(port, ChannelState::unbound, 0, 0).domain = remote;
    return port;
}

Result<Port> EventTable::bind_interdomain(EventTable& remote, Port remote_port)
{
    LockPair both(lock_, remote.lock_);
    Channel* far = remote.find(remote_port);
    if (remote.dying_ || !far || far->state != ChannelState::unbound || far->domain != owner_)
        return fail(Errno::einval);
    Port const port = TRY(take_port());
    Channel& near = occupy(port, ChannelState::interdomain, remote_port, 0);
    near.remote = &remote;
    near.domain = remote.owner_;
    far->remote = this;
    far->number = port;
    far->state = ChannelState::interdomain;
    set_pending(port, near); // whatever was sent while the far end was unbound
    return port;
}

Result<Port> EventTable::bind_virq(std::uint32_t virq, VcpuId id)
{
    if (virq >= xen::NR_VIRQS || (is_global_virq(virq) && id != 0))
        return fail(Errno::einval);
    VcpuEvents* target = vcpu(id);
    if (!target)
        return fail(Errno::enoent);
    LockGuard guard(lock_);
    if (target->virq_ports_[virq] != 0)
        return fail(Errno::eexist);
    Port const port = TRY(take_port());
    occupy(port, ChannelState::virq, virq, id);
    target->virq_ports_[virq] = port;
    return port;
}

Result<Port> EventTable::bind_ipi(VcpuId id)
{
    if (!vcpu(id))
        return fail(Errno::enoent);
    LockGuard guard(lock_);
    Port const port = TRY(take_port());
    occupy(port, ChannelState::ipi, 0, id);
    return port;
}

Result<Port> EventTable::bind_pirq(std::uint32_t pirq, Sharing sharing)
{
    if (!pirqs_)
        return fail(Errno::eperm);
    if (pirq >= pirq_ports_.size())
        return fail(Errno::einval);
    LockGuard guard(lock_);
    if (pirq_ports_[pirq] != 0)
        return fail(Errno::eexist);
    Port const port = TRY(take_port());
    TRY(pirqs_->bind(pirq, sharing));
    occupy(port, ChannelState::pirq, pirq, 0);
    pirq_ports_[pirq] = port;
    return port;
}

Status EventTable::bind_vcpu(Port port, VcpuId id)
{
    if (!vcpu(id))
        return fail(Errno::enoent);
    LockGuard guard(lock_);
    Channel* channel = find_open(port);
    if (!channel || channel->state == ChannelState::ipi ||
        (channel->state == ChannelState::virq && !is_global_virq(channel->number)))
        return fail(Errno::einval);
    channel->vcpu.store(static_cast<std::uint8_t>(id), release);
    if (channel->state == ChannelState::pirq)
        pirqs_->set_affinity(channel->number, id);
    return {};
}

Status EventTable::fill_status(Port port, xen::evtchn_status& answer)
{
    answer.u = {};
    LockGuard guard(lock_);
    Channel const* channel = find(port);
    if (!channel)
        return fail(Errno::einval);
    answer.vcpu = channel->vcpu.load(relaxed);
    switch (channel->state) {
    case ChannelState::free:
    case ChannelState::reserved:
        answer.status = xen::EVTCHNSTAT_closed;
        break;
    case ChannelState::unbound:
        answer.status = xen::EVTCHNSTAT_unbound;
        answer.u.unbound.dom = channel->domain.value;
        break;
    case ChannelState::interdomain:
        answer.status = xen::EVTCHNSTAT_interdomain;
        answer.u.interdomain.dom = channel->domain.value;
        answer.u.interdomain.port = channel->number;
        break;
    case ChannelState::pirq:
        answer.status = xen::EVTCHNSTAT_pirq;
        answer.u.pirq = channel->number;
        break;
    case ChannelState::virq:
        answer.status = xen::EVTCHNSTAT_virq;
        answer.u.virq = channel->number;
        break;
    case ChannelState::ipi:
        answer.status = xen::EVTCHNSTAT_ipi;
        break;
    }
    return {};
}

} // namespace rf::event
