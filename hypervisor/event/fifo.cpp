// SPDX-License-Identifier: MIT
#include "event/fifo.hpp"

#include "base/address_map.hpp"
#include "mm/page_ref.hpp"

namespace rf::event {
namespace {

constexpr xen::event_word_t pending_bit = 1u << xen::EVTCHN_FIFO_PENDING;
constexpr xen::event_word_t masked_bit = 1u << xen::EVTCHN_FIFO_MASKED;
constexpr xen::event_word_t linked_bit = 1u << xen::EVTCHN_FIFO_LINKED;
constexpr xen::event_word_t busy_bit = 1u << xen::EVTCHN_FIFO_BUSY;
constexpr xen::event_word_t link_mask = xen::EVTCHN_FIFO_LINK_MASK;

/// How often we compete with the guest for one word, or with moves of a port, before the guest loses that event.
constexpr unsigned attempts = 5;

/// Writes `port` behind the tail while the tail is still in the queue; false when the guest has taken it out. After a
/// lost race BUSY asks the guest to leave the word alone; it is always cleared again. A guest that ignores BUSY and wins
/// every race loses the events behind this one.
bool link_behind(std::atomic_ref<xen::event_word_t> tail, Port port)
{
    xen::event_word_t seen = tail.load();
    for (unsigned attempt = 0; attempt < attempts; ++attempt) {
        if (!(seen & linked_bit)) {
            if (attempt > 0)
                tail.fetch_and(~busy_bit);
            return false;
        }
        if (tail.compare_exchange_strong(seen, (seen & ~(busy_bit | link_mask)) | port))
            return true;
        if (attempt == 0)
            seen = tail.fetch_or(busy_bit) | busy_bit;
    }
    tail.fetch_and(~busy_bit);
    return true;
}

} // namespace

Fifo::~Fifo()
{
    for (unsigned block = 0; block < control_count_; ++block)
        mm::drop_writable(control_frames_[block]);
    for (unsigned page = 0; page < page_count_; ++page)
        mm::drop_writable(frames_[page]);
}

void Fifo::detach()
{
    for (auto& slot : vcpus_) {
        VcpuEvents* vcpu = slot.load(acquire);
        if (!vcpu)
            continue;
        vcpu->queues_.control.store(nullptr, release);
        vcpu->queues_.tails = {};
    }
}

Status Fifo::map_control_block(VcpuEvents& vcpu, Mfn frame, std::uint32_t offset)
{
    if (offset > page_size - sizeof(xen::evtchn_fifo_control_block) || offset % 8)
        return fail(Errno::einval);
    if (vcpu.queues_.control.load(relaxed))
        return fail(Errno::einval);
    control_frames_[control_count_++] = frame;
    auto* block = reinterpret_cast<xen::evtchn_fifo_control_block*>(direct(frame) + offset);
    vcpu.queues_.control.store(block, release);
    return {};
}

Result<Port> Fifo::add_page(Mfn frame)
{
    if (page_count_ == max_pages)
        return fail(Errno::enospc);
    frames_[page_count_] = frame;
    pages_[page_count_].store(direct_as<xen::event_word_t>(frame));
    return Port{page_count_++ * words_per_page};
}

xen::event_word_t* Fifo::word(Port port) const
{
    if (port / words_per_page >= max_pages)
        return nullptr;
    xen::event_word_t* page = pages_[port / words_per_page].load();
    return page ? page + port % words_per_page : nullptr;
}

Effect Fifo::set_pending(Port port, Channel& channel)
{
    xen::event_word_t* place = word(port);
    if (!place) {
        bool const fresh = !channel.remembered.exchange(true);
        // A page added just now may have been searched for remembered events before ours: look again.
        place = word(port);
        if (!place || !channel.remembered.exchange(false))
            return {.became_pending = fresh};
    }
    Word event(*place);
    xen::event_word_t const before = event.fetch_or(pending_bit);
    // Masked: linked when the guest unmasks. Linked: the guest looks at PENDING after it unlinks.
    bool const must_link = !(before & (masked_bit | linked_bit));
    return {.became_pending = !(before & pending_bit), .notify = must_link && link(port, event, channel)};
}

/// True when the target's upcall is due.
bool Fifo::link(Port port, Word event, Channel& channel)
{
    for (unsigned attempt = 0; attempt < attempts; ++attempt) {
        QueuePlace const place{channel.vcpu.load(acquire), channel.priority.load(relaxed)};
        QueuePlace const former = channel.linked_to.load(acquire);
        VcpuEvents* target = vcpus_[place.vcpu].load(acquire);
        VcpuEvents* holder = vcpus_[former.vcpu].load(acquire);
        if (!target)
            return false;
        FifoQueues& queues = target->queues_;
        FifoQueues& old_queues = holder ? holder->queues_ : queues;
        LockPair both(queues.lock, old_queues.lock);
        if (channel.linked_to.load(acquire) != former)
            continue;
        xen::evtchn_fifo_control_block* control = queues.control.load(acquire);
        // The guest must not unmask a port of a vCPU before it has given its control block.
        if (!control || event.fetch_or(linked_bit) & linked_bit)
            return false;
        // A port that ended its old queue ends it no more: what comes next there must not be linked behind it.
        if (old_queues.tails[former.priority] == port)
            old_queues.tails[former.priority] = 0;
        channel.linked_to.store(place, release);
        if (append(port, queues, place.priority))
            return false;
        std::uint32_t const ready = 1u << place.priority;
        return !(shared(control->ready).fetch_or(ready) & ready);
    }
    return false;
}

/// True when the queue was not empty: the guest will come to the port by itself.
bool Fifo::append(Port port, FifoQueues& queues, unsigned priority)
{
    Port const tail = queues.tails[priority];
    queues.tails[priority] = port;
    if (tail) {
        xen::event_word_t* last = word(tail);
        if (last && link_behind(Word(*last), port))
            return true;
    }
    shared(queues.control.load(relaxed)->head[priority]).store(port);
    return false;
}

bool Fifo::unmask(Port port)
{
    xen::event_word_t* place = word(port);
    return place && Word(*place).fetch_and(~masked_bit) & pending_bit;
}

void Fifo::clear_pending(Port port, Channel& channel)
{
    channel.remembered.store(false);
    if (xen::event_word_t* place = word(port))
        Word(*place).fetch_and(~pending_bit);
}

bool Fifo::is_pending(Port port, Channel const& channel) const
{
    xen::event_word_t* place = word(port);
    return place ? Word(*place).load() & pending_bit : channel.remembered.load();
}

bool Fifo::is_busy(Port port) const
{
    xen::event_word_t* place = word(port);
    return place && Word(*place).load() & linked_bit;
}

} // namespace rf::event
