// SPDX-License-Identifier: MIT
#include "mm/allocator.hpp"

#include "base/address_map.hpp"
#include "base/panic.hpp"
#include "cpu/tlb.hpp"

#include <algorithm>
#include <cstring>

namespace rf::mm {

constinit FrameAllocator allocator;

std::uint64_t FrameAllocator::words(Mfn limit)
{
    std::uint64_t all = 0;
    for (unsigned order = 0; order <= max_order; ++order)
        all += BitTree::words((limit.value >> order) + 1);
    return all;
}

void FrameAllocator::attach(std::uint64_t* memory, Mfn limit)
{
    for (unsigned order = 0; order <= max_order; ++order) {
        std::uint64_t const blocks = (limit.value >> order) + 1;
        free_blocks_[order].attach(memory, blocks);
        memory += BitTree::words(blocks);
    }
}

void FrameAllocator::add_block(Mfn first, unsigned order)
{
    Zone& zone = zones_[width_of(first, order)];
    free_blocks_[order].add(first.value >> order);
    if (zone.blocks[order]++ == 0)
        zone.filled |= 1u << order;
}

void FrameAllocator::remove_block(Mfn first, unsigned order)
{
    Zone& zone = zones_[width_of(first, order)];
    free_blocks_[order].remove(first.value >> order);
    if (--zone.blocks[order] == 0)
        zone.filled &= ~(1u << order);
}

Mfn FrameAllocator::take(unsigned order, unsigned address_bits)
{
    for (unsigned width = std::min(address_bits - page_shift, widest_zone) + 1; width-- > 0;) {
        std::uint32_t const fitting = zones_[width].filled >> order;
        if (fitting == 0)
            continue;
        unsigned have = order + static_cast<unsigned>(std::countr_zero(fitting));
        std::uint64_t const start = width > have ? 1ull << (width - 1 - have) : 0; // the zone's first block of that size
        Mfn const mfn{free_blocks_[have].first_from(start) << have};
        remove_block(mfn, have);
        while (have > order) // give the upper halves back
            --have, add_block(mfn + (1ull << have), have);
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
        std::uint32_t const stamp = frames[first + i].load().field(); // free frames are idle
        if (stamp == judged)
            continue;
        judged = stamp;
        stale = stale | cpu::filter_flushed_since(cpu::online(), stamp);
    }
    if (!stale.empty())
        cpu::flush_cpus(stale);

    for (std::uint64_t i = 0; i < count; ++i) {
        Frame& frame = frames[first + i];
        if (contents == Contents::zeroed)
            std::memset(direct(first + i), 0, page_size);
        frame.state.store(0, relaxed);
        frame.set_owner(domid_xen);
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
        if (!free_blocks_[order].contains(buddy.value >> order) || width_of(buddy, order) != width_of(first, order))
            break;
        remove_block(buddy, order);
        first = std::min(first, buddy);
        ++order;
    }
    add_block(first, order);
}

void FrameAllocator::release(Mfn first, unsigned order)
{
    std::uint64_t const freed = FrameState{}.idle_since(cpu::flush_clock_now()).word();
    for (std::uint64_t i = 0; i < 1ull << order; ++i) {
        Frame& frame = frames[first + i];
        FrameState const state = frame.load();
        require(state.unheld() && !state.allocated(), "a frame given back is still in use");
        frame.set_owner(domid_invalid);
        frame.state.store(freed, relaxed);
    }
    LockGuard guard(lock_);
    release_locked(first, order);
    free_frames_.fetch_add(1ull << order, relaxed);
}

void FrameAllocator::add(Mfn first, std::uint64_t count)
{
    total_frames_ += count;
    require(first.value + count <= frames.limit().value, "memory beyond the frame table");
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
