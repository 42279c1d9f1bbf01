// SPDX-License-Identifier: MIT
#pragma once
/// Page-sized buffers between guest pages and the disk. Disk I/O never touches a granted page: one that is under I/O when
/// this process is killed could not be unmapped. A fixed number of pages, which also bounds what a guest has in flight.

#include <cstdint>
#include <span>
#include <vector>

#include "xen/error.hpp"
#include "xen/mapping.hpp"

namespace rf::block {

class BufferPool {
public:
    using Page = std::uint32_t;

    /// Reserves address space for `pages` pages, at least one full request; memory comes with use.
    [[nodiscard]] static xen::Result<BufferPool> create(std::uint32_t pages, xen::Kernel& kernel = xen::Kernel::host());

    /// Moves `count` pages to the end of `pages`; false, and nothing moved, if there are not that many.
    [[nodiscard]] bool take(std::size_t count, std::vector<Page>& pages);
    /// Takes all of `pages` back and empties it.
    void give(std::vector<Page>& pages);
    [[nodiscard]] std::span<std::byte> bytes(Page page) const { return memory_.page(page); }
    [[nodiscard]] std::size_t free_pages() const { return free_.size(); }

private:
    explicit BufferPool(xen::Mapping memory);

    xen::Mapping memory_;
    std::vector<Page> free_;
};

}  // namespace rf::block
