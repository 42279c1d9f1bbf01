// SPDX-License-Identifier: MIT
#include "mm/frame_trade.hpp"

#include "mm/domain_memory.hpp"
#include "mm/m2p.hpp"

#include <algorithm>

namespace rf::mm {
namespace {

/// In units of about 150 instructions.
constexpr std::uint32_t block_cost = 1, cleaning_cost = 4, frame_cost = 1, parting_cost = 2;
/// Frames that are made ready, or become the domain's, at one stroke.
constexpr std::uint64_t frames_per_stroke = 8;
constexpr unsigned stroke_order = 3;

} // namespace

Result<Box<FrameTrade>> FrameTrade::make(Terms const& terms, DomainMemory& memory)
{
    auto lists = TRY(Array<std::uint64_t>::make(terms.given_count + 2 * terms.wanted_count, &memory.structures));
    auto trade = TRY(Box<FrameTrade>::make_for(memory.structures, terms, std::move(lists)));
    if (terms.given_count == 0)
        trade->from_claim_ = TRY(memory.charge(trade->size()));
    return trade;
}

std::uint64_t FrameTrade::most_bytes()
{
    return heap_footprint(sizeof(FrameTrade)) + heap_footprint(((2 << largest_order) + 1) * sizeof(std::uint64_t));
}

Mfn FrameTrade::wanted_frame(std::uint64_t index) const
{
    return Mfn{found()[index >> terms_.wanted_order]} + (index & ((1ull << terms_.wanted_order) - 1));
}
Mfn FrameTrade::given_frame(std::uint64_t index) const
{
    return Mfn{given()[index >> terms_.given_order]} + (index & ((1ull << terms_.given_order) - 1));
}

void FrameTrade::advance(DomainMemory& memory, Budget& budget)
{
    while (!budget.exhausted()) {
        switch (stage_) {
        case Stage::gather: gather(budget); break;
        case Stage::take: take(memory, budget); break;
        case Stage::commit: commit(memory, budget); break;
        case Stage::part: part(memory, budget); break;
        case Stage::restore: restore(memory, budget); break;
        case Stage::discard: discard(memory, budget); break;
        case Stage::tell:
        case Stage::ended: return;
        }
    }
}

void FrameTrade::gather(Budget& budget)
{
    while (clean_ < size()) {
        if (clean_ == held_) {
            if (!budget.spend(block_cost))
                return;
            auto const block = allocator.allocate(terms_.wanted_order, Contents::unready, terms_.address_bits, from_claim_);
            if (!block)
                return abandon(block.error());
            from_claim_ = 0;
            found()[held_ >> terms_.wanted_order] = block->value;
            held_ += 1ull << terms_.wanted_order;
        }
        std::uint64_t const count = std::min(held_ - clean_, frames_per_stroke);
        if (!budget.spend(cleaning_cost * static_cast<std::uint32_t>(count)))
            return;
        FrameAllocator::make_ready(wanted_frame(clean_), count);
        clean_ += count;
    }
    stage_ = terms_.given_count ? Stage::take : Stage::tell;
}

void FrameTrade::take(DomainMemory& memory, Budget& budget)
{
    for (; taken_ < size(); ++taken_) {
        if (!budget.spend(frame_cost))
            return;
        if (Status const taken = memory.take_away(given_frame(taken_)); !taken)
            return abandon(taken.error());
    }
    stage_ = Stage::tell;
}

void FrameTrade::commit(DomainMemory& memory, Budget& budget)
{
    std::uint64_t const extent = 1ull << terms_.wanted_order;
    while (committed_ < size()) {
        std::uint64_t const within = committed_ & (extent - 1);
        std::uint64_t const count = std::min(extent - within, frames_per_stroke);
        if (!budget.spend(frame_cost * static_cast<std::uint32_t>(count)))
            return;
        Mfn const first = wanted_frame(committed_);
        if (terms_.given_count)
            memory.take_over(first, count);
        else
            memory.adopt_charged(first, count);
        if (Pfn const number{numbers()[committed_ >> terms_.wanted_order]}; number.valid())
            for (std::uint64_t i = 0; i < count; ++i)
                set_m2p(first + i, number + within + i);
        committed_ += count;
    }
    stage_ = Stage::part;
}

void FrameTrade::part(DomainMemory& memory, Budget& budget)
{
    for (; taken_ > 0; --taken_) {
        if (!budget.spend(parting_cost))
            return;
        memory.free_taken(given_frame(taken_ - 1));
    }
    stage_ = Stage::ended;
}

void FrameTrade::abandon(Errno error)
{
    if (stage_ > Stage::tell)
        return;
    result_ = fail(error);
    stage_ = Stage::restore;
}

void FrameTrade::restore(DomainMemory& memory, Budget& budget)
{
    for (; taken_ > 0; --taken_) {
        if (!budget.spend(frame_cost))
            return;
        memory.put_back(given_frame(taken_ - 1));
    }
    stage_ = Stage::discard;
}

/// Blocks go back in strokes; the allocator joins them again.
void FrameTrade::discard(DomainMemory& memory, Budget& budget)
{
    unsigned const order = std::min(terms_.wanted_order, stroke_order);
    for (; held_ > 0; held_ -= 1ull << order) {
        if (!budget.spend(parting_cost))
            return;
        allocator.release(wanted_frame(held_ - (1ull << order)), order);
    }
    if (terms_.given_count == 0)
        memory.discharge(size(), std::exchange(from_claim_, 0));
    stage_ = Stage::ended;
}

} // namespace rf::mm
