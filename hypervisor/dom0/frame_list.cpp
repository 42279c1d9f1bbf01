// SPDX-License-Identifier: MIT
#include "dom0/frame_list.hpp"

#include "mm/allocator.hpp"

#include <algorithm>
#include <bit>

namespace rf::dom0 {

Result<FrameList> FrameList::make(std::size_t capacity)
{
    FrameList list;
    list.runs_ = TRY(mm::Array<Run>::make(capacity));
    return list;
}

Status FrameList::append(Mfn first, std::uint64_t count)
{
    if (count == 0)
        return {};
    if (used_ && runs_[used_ - 1].mfn + runs_[used_ - 1].count == first.value) {
        runs_[used_ - 1].count += count;
    } else {
        if (used_ == runs_.size())
            return fail(Errno::enospc);
        runs_[used_++] = {size_, first.value, count};
    }
    size_ += count;
    return {};
}

Status FrameList::allocate(mm::DomainMemory& memory, std::uint64_t count, mm::Contents contents)
{
    unsigned order = mm::max_order;
    while (count) {
        order = std::min(order, static_cast<unsigned>(std::bit_width(count)) - 1);
        auto const block = memory.allocate(order, 64, contents);
        if (block) {
            TRY(append(*block, 1ull << order));
            count -= 1ull << order;
        } else if (order-- == 0) {
            return fail(block.error());
        }
    }
    return {};
}

std::size_t FrameList::index_of(Pfn pfn) const
{
    std::span const runs(runs_.data(), used_);
    auto const above = std::ranges::upper_bound(runs, pfn.value, {}, &Run::pfn);
    return static_cast<std::size_t>(above - runs.begin()) - 1;
}

Mfn FrameList::operator[](Pfn pfn) const
{
    Run const& run = runs_[index_of(pfn)];
    return Mfn{run.mfn + (pfn.value - run.pfn)};
}

} // namespace rf::dom0
