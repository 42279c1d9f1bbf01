// SPDX-License-Identifier: MIT
#include "base/rights.hpp"

#include <algorithm>

namespace rf {

Status RangeSet::add(std::uint64_t first, std::uint64_t last)
{
    if (first > last)
        return fail(Errno::einval);
    // Ranges begin..end-1 touch or overlap the new one and melt into it.
    unsigned begin = 0;
    while (begin < count_ && ranges_[begin].last < first && first - ranges_[begin].last > 1)
        ++begin;
    unsigned end = begin;
    while (end < count_ && (ranges_[end].first <= last || ranges_[end].first - last == 1)) {
        first = std::min(first, ranges_[end].first);
        last = std::max(last, ranges_[end].last);
        ++end;
    }
    if (begin == end) {
        if (count_ == capacity)
            return fail(Errno::enospc);
        std::move_backward(ranges_.begin() + begin, ranges_.begin() + count_, ranges_.begin() + count_ + 1);
        ++count_;
    } else {
        std::move(ranges_.begin() + end, ranges_.begin() + count_, ranges_.begin() + begin + 1);
        count_ -= end - begin - 1;
    }
    ranges_[begin] = {first, last};
    return {};
}

Status RangeSet::remove(std::uint64_t first, std::uint64_t last)
{
    if (first > last)
        return fail(Errno::einval);
    unsigned begin = 0;
    while (begin < count_ && ranges_[begin].last < first)
        ++begin;
    if (begin == count_ || ranges_[begin].first > last)
        return {};

    Range& hit = ranges_[begin];
    if (hit.first < first && hit.last > last) { // a hole inside one range: it becomes two
        if (count_ == capacity)
            return fail(Errno::enospc);
        std::move_backward(ranges_.begin() + begin, ranges_.begin() + count_, ranges_.begin() + count_ + 1);
        ++count_;
        ranges_[begin].last = first - 1;
        ranges_[begin + 1].first = last + 1;
        return {};
    }
    if (hit.first < first) {
        hit.last = first - 1;
        ++begin;
    }
    unsigned end = begin;
    while (end < count_ && ranges_[end].last <= last)
        ++end;
    if (end < count_ && ranges_[end].first <= last)
        ranges_[end].first = last + 1;
    std::move(ranges_.begin() + end, ranges_.begin() + count_, ranges_.begin() + begin);
    count_ -= end - begin;
    return {};
}

bool RangeSet::contains(std::uint64_t first, std::uint64_t last) const
{
    if (first > last)
        return false;
    auto const end = ranges_.begin() + count_;
    auto const range = std::lower_bound(ranges_.begin(), end, first,
                                        [](Range const& candidate, std::uint64_t value) { return candidate.last < value; });
    return range != end && range->first <= first && last <= range->last;
}

} // namespace rf
