// SPDX-License-Identifier: MIT
#include "builder/guest_memory.hpp"

#include <algorithm>
#include <cstring>

namespace rf::builder {
namespace {

constexpr unsigned large_order = 9;              ///< 2 MiB
constexpr std::size_t pieces_per_call = 1u << 16;
constexpr std::size_t clears_per_call = 1024;

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

/// Has the hypervisor zero machine frames of the domain.
Result<void> GuestMemory::clear(std::span<const std::uint64_t> frames) const
{
    xen::MemoryControl memory(privcmd_);
    std::vector<::xen::mmuext_op> operations;
    while (!frames.empty()) {
        const std::size_t count = std::min(frames.size(), clears_per_call);
        operations.assign(count, {});
        for (std::size_t i = 0; i < count; ++i) {
            operations[i].cmd = ::xen::MMUEXT_CLEAR_PAGE;
            operations[i].arg1.mfn = frames[i];
        }
        BUILD_CHECK(memory.page_table_operations(domain_, operations));
        frames = frames.subspan(count);
    }
    return {};
}

Result<void> GuestMemory::write(Pfn first, const Source& contents, std::uint64_t bytes) const
{
    const auto size_of = [&](std::uint64_t index) {
        const std::size_t start = std::min<std::size_t>(index * page_size, contents.size());
        return std::min<std::size_t>(page_size, contents.size() - start);
    };
    const std::uint64_t count = (std::max<std::uint64_t>(bytes, contents.size()) + page_size - 1) / page_size;
    std::vector<xen::Mfn> written;
    std::vector<std::uint64_t> pages;
    std::vector<std::uint64_t> zero;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (size_of(i) == 0 || (contents.is_memory() && is_zero(contents.bytes().subspan(i * page_size, size_of(i))))) {
            zero.push_back(frame(first + i).value);
        } else {
            written.push_back(frame(first + i));
            pages.push_back(i);
        }
    }
    BUILD_CHECK(clear(zero));
    if (written.empty())
        return {};
    const xen::ForeignMap mapped = BUILD_TRY(xen::ForeignMap::map(privcmd_, domain_, written, xen::Access::read_write));
    // Runs of neighbours at once: a file is then read by a single call.
    for (std::size_t i = 0; i < pages.size();) {
        std::size_t run = 1;
        while (i + run < pages.size() && pages[i + run] == pages[i] + run)
            ++run;
        const std::size_t start = pages[i] * page_size;
        const std::size_t length = std::min<std::size_t>(run * page_size, contents.size() - start);
        BUILD_CHECK(contents.copy(start, {mapped.data() + i * page_size, length}));
        std::memset(mapped.data() + i * page_size + length, 0, run * page_size - length);
        i += run;
    }
    return {};
}

}  // namespace rf::builder
