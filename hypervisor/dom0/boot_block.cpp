// SPDX-License-Identifier: MIT
#include "dom0/boot_block.hpp"

#include "base/address_map.hpp"
#include "mm/allocator.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace rf::dom0 {
namespace {

/// Gives [first, first + count) back in the largest naturally aligned pieces.
void release_frames(Mfn first, std::uint64_t count)
{
    while (count) {
        unsigned const largest = static_cast<unsigned>(std::bit_width(count)) - 1;
        unsigned const aligned = first.value ? static_cast<unsigned>(std::countr_zero(first.value)) : mm::max_order;
        unsigned const order = std::min({largest, aligned, mm::max_order});
        mm::allocator.release(first, order);
        first = first + (1ull << order);
        count -= 1ull << order;
    }
}

} // namespace

BootBlock::BootBlock(BootBlock&& other) noexcept
    : first_(std::exchange(other.first_, invalid_mfn)), pages_(std::exchange(other.pages_, 0))
{
}

BootBlock& BootBlock::operator=(BootBlock&& other) noexcept
{
    std::swap(first_, other.first_);
    std::swap(pages_, other.pages_);
    return *this;
}

Result<BootBlock> BootBlock::make(std::uint64_t bytes)
{
    if (bytes == 0 || bytes > page_size << mm::max_order)
        return fail(Errno::enomem);
    std::uint64_t const pages = pages_of(bytes);
    unsigned const order = static_cast<unsigned>(std::bit_width(pages - 1));
    BootBlock block;
    block.first_ = TRY(mm::allocator.allocate(order, mm::Contents::anything));
    block.pages_ = pages;
    release_frames(block.first_ + pages, (1ull << order) - pages);
    return block;
}

void BootBlock::release()
{
    if (pages_)
        release_frames(first_, std::exchange(pages_, 0));
}

std::span<std::byte> BootBlock::bytes() const
{
    return pages_ ? std::span(direct(first_), pages_ << page_shift) : std::span<std::byte>();
}

} // namespace rf::dom0
