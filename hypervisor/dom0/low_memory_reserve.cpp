// SPDX-License-Identifier: MIT
#include "dom0/low_memory_reserve.hpp"

#include "mm/allocator.hpp"

namespace rf::dom0 {

LowMemoryReserve::LowMemoryReserve(std::uint64_t pages)
{
    while (count_ < capacity && (count_ + 1) << order <= pages) {
        auto const block = mm::allocator.allocate(order, mm::Contents::anything, 32);
        if (!block)
            return;
        blocks_[count_++] = *block;
    }
}

LowMemoryReserve::~LowMemoryReserve()
{
    while (count_)
        mm::allocator.release(blocks_[--count_], order);
}

} // namespace rf::dom0
