// SPDX-License-Identifier: MIT
#include "mm/domain_memory.hpp"

#include "cpu/current.hpp"

#include "mm/allocator.hpp"
#include "mm/m2p.hpp"
#include "mm/page_ref.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace rf::mm {

void DomainMemory::remember_region(Mfn mfn)
{
    std::uint64_t const region = mfn.value >> frames.region_shift();
    if (!has_region(region))
        regions_[region / 64].fetch_or(1ull << region % 64, relaxed);
}

Result<std::uint64_t> DomainMemory::charge(std::uint64_t count)
{
    LockGuard guard(lock_);
    std::uint64_t const pages = pages_.load(relaxed);
    std::uint64_t const limit = limit_.load(relaxed);
    if (pages > limit || count > limit - pages)
        return fail(Errno::enomem);
    pages_.fetch_add(count, relaxed);
    under_way_.fetch_add(count, relaxed);
    std::uint64_t const from_claim = std::min(count, claim_.load(relaxed));
    claim_.fetch_sub(from_claim, relaxed);
    return from_claim;
}

void DomainMemory::discharge(std::uint64_t count, std::uint64_t from_claim)
{
    LockGuard guard(lock_);
    pages_.fetch_sub(count, relaxed);
    under_way_.fetch_sub(count, relaxed);
    claim_.fetch_add(from_claim, relaxed);
}

void DomainMemory::adopt_charged(Mfn first, std::uint64_t count)
{
    adopt(first, count, FrameType::none);
    under_way_.fetch_sub(count, relaxed);
}

Result<Mfn> DomainMemory::allocate(unsigned order, unsigned address_bits, Contents contents)
{
    std::uint64_t const count = 1ull << order;
    std::uint64_t const from_claim = TRY(charge(count));
    auto const first = allocator.allocate(order, contents, address_bits, from_claim);
    if (!first) {
        discharge(count, from_claim);
        return fail(first.error());
    }
    adopt_charged(*first, count);
    return *first;
}

void DomainMemory::adopt(Mfn first, std::uint64_t count, FrameType type)
{
    constexpr std::uint64_t frames_per_hold = 64;
    FrameState const state = FrameState{}.with(FrameState::allocated_bit).with_type(type).plus_references(1);
    for (std::uint64_t done = 0; done < count; done += frames_per_hold) {
        LockGuard guard(lock_);
        std::uint64_t const end = std::min(count, done + frames_per_hold);
        for (std::uint64_t i = done; i < end; ++i) {
            Frame& frame = frames[first + i];
            set_m2p(first + i, invalid_pfn);
            frame.set_owner(id_);
            remember_region(first + i);
            frame.state.store(state.word(), release);
        }
        owned_.fetch_add(end - done, relaxed);
    }
}

void DomainMemory::take_over(Mfn first, std::uint64_t count)
{
    pages_.fetch_add(count, relaxed);
    adopt(first, count, FrameType::none);
}

Result<Mfn> DomainMemory::allocate_shared()
{
    Mfn const mfn = TRY(structures.allocate_frame());
    adopt(mfn, 1, FrameType::shared);
    return mfn;
}

Status DomainMemory::give_up(Mfn mfn)
{
    // Our own reference keeps the frame the domain's: without it, another CPU could free it and a next owner get it, with
    // an equal state word, between a look at its owner and the change.
    if (!take_reference(mfn, id_))
        return fail(Errno::einval);
    FrameState const before{frames[mfn].state.fetch_and(~FrameState::allocated_bit, acq_rel)};
    if (before.allocated()) {
        set_m2p(mfn, invalid_pfn); // while the reference keeps the frame from a next owner
        drop_reference(mfn);
    }
    drop_reference(mfn);
    return before.allocated() ? Status{} : fail(Errno::einval);
}

Status DomainMemory::give_up_ordinary(Mfn mfn)
{
    Frame const* frame = frames.find(mfn);
    // A shared page stays one for as long as its owner lives, so one look is enough.
    if (!frame || frame->load().type() == FrameType::shared)
        return fail(Errno::einval);
    return give_up(mfn);
}

Status DomainMemory::take_away(Mfn mfn)
{
    Frame* frame = frames.find(mfn);
    if (!frame || frame->owner_id() != id_)
        return fail(Errno::einval);
    LockGuard guard(lock_); // nothing of ours is freed meanwhile: the word cannot come back as another owner's
    FrameState state = frame->load();
    do {
        bool const unused = state.references() == 1 && state.idle() && state.allocated() && !state.pinned() &&
                            state.type() != FrameType::shared;
        if (!unused || frame->owner_id() != id_)
            return fail(Errno::einval);
    } while (!frame->exchange(state, FrameState{}.idle_since(state.field())));
    frame->set_owner(domid_xen);
    owned_.fetch_sub(1, release);
    under_way_.fetch_add(1, relaxed);
    return {};
}

void DomainMemory::put_back(Mfn mfn)
{
    LockGuard guard(lock_);
    Frame& frame = frames[mfn];
    frame.set_owner(id_);
    owned_.fetch_add(1, relaxed);
    frame.state.store(frame.load().with(FrameState::allocated_bit).plus_references(1).word(), release);
    under_way_.fetch_sub(1, relaxed);
}

void DomainMemory::free_taken(Mfn mfn)
{
    set_m2p(mfn, invalid_pfn);
    allocator.release(mfn, 0);
    under_way_.fetch_sub(1, relaxed);
    pages_.fetch_sub(1, relaxed);
}

Status DomainMemory::set_claim(std::uint64_t pages)
{
    LockGuard guard(lock_);
    std::uint64_t const old = claim_.load(relaxed);
    if (pages == 0) {
        claim_.store(0, relaxed);
        allocator.unclaim(old);
        return {};
    }
    std::uint64_t const owned = pages_.load(relaxed);
    if (old || pages > limit_.load(relaxed) || pages <= owned)
        return fail(Errno::einval);
    TRY(allocator.claim(pages - owned));
    claim_.store(pages - owned, relaxed);
    return {};
}

void DomainMemory::disown(FrameType type)
{
    LockGuard guard(lock_);
    owned_.fetch_sub(1, release);
    if (type == FrameType::shared)
        structures.refund(page_size);
    else
        pages_.fetch_sub(1, relaxed);
    if (empty()) // perhaps the last frame of a dead domain, kept alive by a mapping until now
        cpu::raise(cpu::Work::deferred);
}

Mfn DomainMemory::skip_regions(Mfn place) const
{
    unsigned const shift = frames.region_shift();
    std::uint64_t const region = place.value >> shift;
    if (has_region(region))
        return place;
    std::uint64_t word = region / 64;
    std::uint64_t later = regions_[word].load(relaxed) & ~0ull << region % 64;
    while (later == 0) {
        if (++word == regions_.size())
            return frames.limit();
        later = regions_[word].load(relaxed);
    }
    return Mfn{(word * 64 + static_cast<unsigned>(std::countr_zero(later))) << shift};
}

Result<Mfn> DomainMemory::visit_next(Mfn& place, Budget& budget)
{
    constexpr std::uint64_t frames_per_unit = 32;
    while ((place = skip_regions(place)) < frames.limit()) {
        if (!budget.spend())
            return fail(Errno::eagain);
        Mfn const end{(place.value | (frames_per_unit - 1)) + 1};
        if (!frames.find_even_hole(place))
            place = end;
        for (; place < end && place < frames.limit(); place = place + 1)
            if (frames[place].owner_id() == id_ && take_reference(place, id_))
                return std::exchange(place, place + 1);
    }
    return fail(Errno::enoent);
}

} // namespace rf::mm
