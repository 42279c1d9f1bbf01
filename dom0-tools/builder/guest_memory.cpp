// SPDX-License-Identifier: MIT
#include "builder/guest_memory.hpp"

#include <algorithm>
#include <cstring>

namespace rf::builder {
namespace {

constexpr unsigned large_order = 9;              ///< 2 MiB
constexpr std::size_t pieces_per_call = 1u << 16;

bool is_zero(std::span<const std::byte> page)
{
    return page[0] == std::byte{0} && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

}  // namespace

/// Fills frames [done, ...) with whole pieces of one order; yields the first frame that got none.
Result<std::uint64_t> GuestMemory::populate_pieces(std::uint64_t done, std::uint64_t pages, unsigned order)
{
    xen::MemoryControl memory(privcmd_);
    const std::uint64_t piece = std::uint64_t{1} << order;
    std::vector<std::uint64_t> extents;
    while (pages - done >= piece) {
        extents.resize(std::min<std::uint64_t>((pages - done) >> order, pieces_per_call));
        for (std::size_t i = 0; i < extents.size(); ++i)
            extents[i] = done + i * piece;
        const std::size_t filled = BUILD_TRY(memory.populate(domain_, extents, order));
        for (std::size_t i = 0; i < filled; ++i)
            for (std::uint64_t page = 0; page < piece; ++page)
                frames_[done + i * piece + page] = extents[i] + page;
        done += filled * piece;
        if (filled < extents.size())
            break;
    }
    return done;
}

Result<void> GuestMemory::populate(std::uint64_t pages)
{
    frames_.assign(pages, ~std::uint64_t{0});
    std::uint64_t done = BUILD_TRY(populate_pieces(0, pages, large_order));
    done = BUILD_TRY(populate_pieces(done, pages, 0));
    if (done < pages)
        return fail(Kind::no_resource, "the hypervisor gave " + std::to_string(done) + " of " + std::to_string(pages) +
                                           " pages: its memory is used up");
    return {};
}

Result<xen::ForeignMap> GuestMemory::map(dom0::PfnRange range) const
{
    std::vector<xen::Mfn> frames;
    frames.reserve(range.count);
    for (std::uint64_t i = 0; i < range.count; ++i)
        frames.push_back(frame(range.first + i));
    return BUILD_TRY(xen::ForeignMap::map(privcmd_, domain_, frames, xen::Access::read_write));
}

Result<void> GuestMemory::write(Pfn first, std::span<const std::byte> contents) const
{
    const auto page_of = [&](std::size_t index) {
        return contents.subspan(index * page_size, std::min<std::size_t>(page_size, contents.size() - index * page_size));
    };
    const std::size_t count = (contents.size() + page_size - 1) / page_size;
    std::vector<xen::Mfn> frames;
    std::vector<std::size_t> pages;
    for (std::size_t i = 0; i < count; ++i) {
        if (is_zero(page_of(i)))
            continue;
        frames.push_back(frame(first + i));
        pages.push_back(i);
    }
    if (frames.empty())
        return {};
    const xen::ForeignMap mapped = BUILD_TRY(xen::ForeignMap::map(privcmd_, domain_, frames, xen::Access::read_write));
    for (std::size_t i = 0; i < pages.size(); ++i) {
        const auto page = page_of(pages[i]);
        std::memcpy(mapped.page(i).data(), page.data(), page.size());
    }
    return {};
}

}  // namespace rf::builder
