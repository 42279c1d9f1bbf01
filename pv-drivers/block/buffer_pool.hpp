// SPDX-License-Identifier: MIT
#pragma once
/// Memory between guest pages and the disk. Disk I/O never touches a granted page: one that is under I/O when this process is
/// killed could not be unmapped. A fixed number of pages, which also bounds what a guest has in flight; a request gets
/// neighbouring ones, so that one operation moves all of it.
///
/// The pages lie in areas, a small one and several that hold the largest request each; no run crosses from one into the
/// next. Runs come from the lowest place that has room, so that a guest with little in flight keeps to few, warm pages.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "xen/error.hpp"
#include "xen/mapping.hpp"

namespace rf::block {

class BufferPool {
public:
    /// Neighbouring pages.
    struct Run {
        std::uint32_t first = 0;
        std::uint32_t pages = 0;
    };
    /// Pages of the first area, and of each other; the latter is the largest request.
    static constexpr std::uint32_t small_area = 64;
    static constexpr std::uint32_t large_area = 256;

    /// Reserves address space for `pages` pages, at least the two kinds of areas; memory comes with use.
    [[nodiscard]] static xen::Result<BufferPool> create(std::uint32_t pages, xen::Kernel& kernel = xen::Kernel::host());

    /// `pages` neighbours, at most `large_area`; nothing if there are not that many. None is a run as well.
    [[nodiscard]] std::optional<Run> take(std::uint32_t pages);
    void give(Run run);
    [[nodiscard]] std::span<std::byte> bytes(Run run) const
    {
        return memory_.bytes().subspan(run.first * xen::page_size, run.pages * xen::page_size);
    }
    /// Where runs lie.
    [[nodiscard]] std::vector<std::span<std::byte>> areas() const;
    [[nodiscard]] std::size_t free_pages() const;

private:
    struct Area {
        std::uint32_t first;
        std::uint32_t pages;
        std::uint32_t free;
    };

    BufferPool(xen::Mapping memory, std::uint32_t pages);
    [[nodiscard]] std::optional<std::uint32_t> find(const Area& area, std::uint32_t pages) const;
    [[nodiscard]] std::optional<std::uint32_t> next(std::uint32_t page, std::uint32_t end, bool free) const;
    void mark(Run run, bool free);

    xen::Mapping memory_;
    std::vector<Area> areas_;
    std::vector<std::uint64_t> free_;  ///< a bit for each page
};

}  // namespace rf::block
