// SPDX-License-Identifier: MIT
#include "mm/allocator.hpp"

#include "base/address_map.hpp"
#include "base/panic.hpp"
#include "cpu/tlb.hpp"

#include <algorithm>
#include <cstring>

namespace rf::mm {
namespace {

[[nodiscard]] Frame& frame_of(std::uint32_t link) { return frames[Mfn{link - 1ull}]; }

} // namespace

constinit FrameAllocator allocator;

void FrameAllocator::push(Mfn mfn, unsigned order)
{
    Frame& frame = frames[mfn];
    Zone& zone = zone_of(mfn, order);
    std::uint32_t& head = zone.heads[order];
    frame.order = static_cast<std::uint8_t>(order);
    frame.flags.fetch_or(frame_is_free, relaxed);
    frame.previous = 0;
    frame.next = head;
    std::uint32_t const link = static_cast<std::uint32_t>(mfn.value + 1);
    if (head)
        frame_of(head).previous = link;
    head = link;
    zone.filled |= 1u << order;
}

void FrameAllocator::unlink(Mfn mfn, unsigned order)
{
    Frame& frame = frames[mfn];
    Zone& zone = zone_of(mfn, order);
    if (frame.previous)
        frame_of(frame.previous).next = frame.next;
    else if ((zone.heads[order] = frame.next) == 0)
        zone.filled &= ~(1u << order);
    if (frame.next)
        frame_of(frame.next).previous = frame.previous;
    frame.next = frame.previous = 0;
    frame.flags.fetch_and(static_cast<std::uint8_t>(~frame_is_free), relaxed);
}

Mfn FrameAllocator::take(unsigned order, unsigned address_bits)
{
    for (unsigned width = std::min(address_bits - page_shift, widest_zone) + 1; width-- > 0;) {
        std::uint32_t const fitting = zones_[width].filled >> order;
        if (fitting == 0)
            continue;
        unsigned have = order + static_cast<unsigned>(std::countr_zero(fitting));
        Mfn const mfn{zones_[width].heads[have] - 1ull};
        unlink(mfn, have);
        while (have > order) // give the upper halves back
            --have, push(mfn + (1ull << have), have);
        return mfn;
    }
    return invalid_mfn;
}

Result<Mfn> FrameAllocator::allocate(unsigned order, Contents contents, unsigned address_bits, std::uint64_t from_claim)
{
    if (order > max_order || address_bits <= page_shift)
        return fail(Errno::enomem);
    Mfn mfn;
    {
        LockGuard guard(lock_);
        std::uint64_t const promised = claimed_frames_.load(relaxed) - from_claim;
        if (free_frames_.load(relaxed) < promised + (1ull << order))
            return fail(Errno::enomem);
        mfn = take(order, address_bits);
        if (!mfn.valid())
            return fail(Errno::enomem);
        free_frames_.fetch_sub(1ull << order, relaxed);
        claimed_frames_.store(promised, relaxed);
    }

    if (contents != Contents::unready)
        make_ready(mfn, 1ull << order, contents);
    return mfn;
}

void FrameAllocator::make_ready(Mfn first, std::uint64_t count, Contents contents)
{
    // A CPU may still hold translations of the former owner: none may outlive the change of hands.
    CpuMask stale;
    std::uint32_t judged = 0; // frames that were freed together carry the same stamp; 0 was never flushed for
    for (std::uint64_t i = 0; i < count; ++i) {
        std::uint32_t const stamp = frames[first + i].stamp_or_progress.load(relaxed);
        if (stamp == judged)
            continue;
        judged = stamp;
        stale = stale | cpu::filter_flushed_since(cpu::online(), stamp);
    }
    if (!stale.empty())
        cpu::flush_cpus(stale);

    for (std::uint64_t i = 0; i < count; ++i) {
        Frame& frame = frames[first + i];
        if (contents == Contents::zeroed && !(frame.flags.load(relaxed) & frame_is_zeroed))
            std::memset(direct(first + i), 0, page_size);
        frame.flags.store(0, relaxed);
        frame.state.store(0, relaxed);
        frame.owner.store(domid_xen.value, relaxed);
        frame.next = frame.previous = 0;
    }
}

Status FrameAllocator::claim(std::uint64_t frames)
{
    LockGuard guard(lock_);
    std::uint64_t const claimed = claimed_frames_.load(relaxed);
    if (frames > free_frames_.load(relaxed) - claimed)
        return fail(Errno::enomem);
    claimed_frames_.store(claimed + frames, relaxed);
    return {};
}

void FrameAllocator::unclaim(std::uint64_t frames)
{
    LockGuard guard(lock_);
    claimed_frames_.store(claimed_frames_.load(relaxed) - frames, relaxed);
}

void FrameAllocator::release_locked(Mfn first, unsigned order)
{
    while (order < max_order) {
        Mfn const buddy{first.value ^ (1ull << order)};
        Frame* other = frames.find(buddy);
        if (!other || !(other->flags.load(relaxed) & frame_is_free) || other->order != order ||
            &zone_of(buddy, order) != &zone_of(first, order))
            break;
        unlink(buddy, order);
        first = std::min(first, buddy);
        ++order;
    }
    push(first, order);
}

void FrameAllocator::release(Mfn first, unsigned order)
{
    std::uint32_t const stamp = cpu::flush_clock_now();
    for (std::uint64_t i = 0; i < 1ull << order; ++i) {
        Frame& frame = frames[first + i];
        require(frame.state.load(relaxed) == 0, "a frame given back is still in use");
        frame.owner.store(domid_invalid.value, relaxed);
        frame.stamp_or_progress.store(stamp, relaxed);
        frame.flags.store(0, relaxed);
    }
    LockGuard guard(lock_);
    release_locked(first, order);
    free_frames_.fetch_add(1ull << order, relaxed);
}

void FrameAllocator::add(Mfn first, std::uint64_t count)
{
    total_frames_ += count;
    while (count) {
        unsigned order = first.value ? static_cast<unsigned>(std::countr_zero(first.value)) : 0;
        order = std::min({order, max_order, static_cast<unsigned>(std::bit_width(count) - 1)});
        for (std::uint64_t i = 0; i < 1ull << order; ++i)
            frames[first + i].state.store(0, relaxed);
        LockGuard guard(lock_);
        release_locked(first, order);
        free_frames_.fetch_add(1ull << order, relaxed);
        first = first + (1ull << order);
        count -= 1ull << order;
    }
}

} // namespace rf::mm
