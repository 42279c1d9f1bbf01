// SPDX-License-Identifier: MIT
#include "boot/early_memory.hpp"

#include <algorithm>

namespace rf::boot {

void EarlyMemory::insert(Range range)
{
    if (range.start >= range.end)
        return;
    if (count_ == capacity) {
        lost_bytes_ += range.end - range.start;
        return;
    }
    ranges_[count_++] = range;
}

void EarlyMemory::remove(std::size_t index)
{
    ranges_[index] = ranges_[--count_];
}

void EarlyMemory::add(std::uint64_t start, std::uint64_t end)
{
    insert({(start + page_size - 1) & page_mask, end & page_mask});
}

void EarlyMemory::reserve(std::uint64_t start, std::uint64_t end)
{
    start &= page_mask;
    end = (end + page_size - 1) & page_mask;
    for (std::size_t i = 0; i < count_;) {
        Range const range = ranges_[i];
        if (range.end <= start || range.start >= end) {
            ++i;
            continue;
        }
        remove(i); // the last range moves here and is looked at next
        // What remains lies outside [start, end) and is skipped when the loop meets it.
        insert({range.start, std::min(range.end, start)});
        insert({std::max(range.start, end), range.end});
    }
}

Result<MachineAddress> EarlyMemory::take(std::uint64_t bytes, std::uint64_t alignment, std::uint64_t limit)
{
    bytes = (bytes + page_size - 1) & page_mask;
    std::size_t best = count_;
    std::uint64_t best_start = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        std::uint64_t const end = std::min(ranges_[i].end, limit);
        if (end < bytes)
            continue;
        std::uint64_t const start = (end - bytes) & ~(alignment - 1);
        if (start >= ranges_[i].start && start >= best_start) {
            best = i;
            best_start = start;
        }
    }
    if (best == count_)
        return fail(Errno::enomem);
    Range const range = ranges_[best];
    remove(best);
    insert({range.start, best_start});
    insert({best_start + bytes, range.end});
    return MachineAddress{best_start};
}

} // namespace rf::boot
