// SPDX-License-Identifier: MIT
#include "block/buffer_pool.hpp"

#include <algorithm>
#include <bit>
#include <sys/mman.h>

namespace rf::block {
namespace {

constexpr std::uint32_t word_bits = 64;

}  // namespace

xen::Result<BufferPool> BufferPool::create(std::uint32_t pages, xen::Kernel& kernel)
{
    void* address = nullptr;
    const std::size_t length = pages * xen::page_size;
    const long result = kernel.map(address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (result < 0)
        return xen::failure(result, "cannot reserve memory for disk buffers");
    return BufferPool(xen::Mapping(kernel, address, length), pages);
}

BufferPool::BufferPool(xen::Mapping memory, std::uint32_t pages) : memory_(std::move(memory)), free_(pages / word_bits + 1)
{
    for (std::uint32_t first = 0; first < pages;) {
        const std::uint32_t size = std::min(first == 0 ? small_area : large_area, pages - first);
        areas_.push_back({first, size, size});
        first += size;
    }
    mark({0, pages}, true);
}

std::optional<BufferPool::Run> BufferPool::take(std::uint32_t pages)
{
    if (pages == 0)
        return Run{};
    for (Area& area : areas_) {
        const auto first = area.free >= pages ? find(area, pages) : std::nullopt;
        if (!first)
            continue;
        const Run run{*first, pages};
        mark(run, false);
        area.free -= pages;
        return run;
    }
    return std::nullopt;
}

void BufferPool::give(Run run)
{
    if (run.pages == 0)
        return;
    mark(run, true);
    std::ranges::find_if(areas_, [&](const Area& area) { return run.first < area.first + area.pages; })->free += run.pages;
}

std::optional<std::uint32_t> BufferPool::find(const Area& area, std::uint32_t pages) const
{
    const std::uint32_t end = area.first + area.pages;
    for (auto first = next(area.first, end, true); first;) {
        const std::uint32_t stop = next(*first, std::min(end, *first + pages), false).value_or(*first + pages);
        if (stop > end)
            break;
        if (stop - *first == pages)
            return first;
        first = next(stop, end, true);
    }
    return std::nullopt;
}

/// The first page from `page` on, before `end`, that is free or taken.
std::optional<std::uint32_t> BufferPool::next(std::uint32_t page, std::uint32_t end, bool free) const
{
    while (page < end) {
        const std::uint64_t word = free ? free_[page / word_bits] : ~free_[page / word_bits];
        const std::uint64_t rest = word >> page % word_bits;
        if (rest == 0) {
            page = (page / word_bits + 1) * word_bits;
            continue;
        }
        page += static_cast<std::uint32_t>(std::countr_zero(rest));
        return page < end ? std::optional(page) : std::nullopt;
    }
    return std::nullopt;
}

void BufferPool::mark(Run run, bool free)
{
    for (std::uint32_t page = run.first; page < run.first + run.pages; ++page) {
        const std::uint64_t bit = std::uint64_t{1} << page % word_bits;
        std::uint64_t& word = free_[page / word_bits];
        word = free ? word | bit : word & ~bit;
    }
}

std::vector<std::span<std::byte>> BufferPool::areas() const
{
    std::vector<std::span<std::byte>> areas;
    for (const Area& area : areas_)
        areas.push_back(bytes({area.first, area.pages}));
    return areas;
}

std::size_t BufferPool::free_pages() const
{
    std::size_t pages = 0;
    for (const Area& area : areas_)
        pages += area.free;
    return pages;
}

}  // namespace rf::block
