// SPDX-License-Identifier: MIT
#pragma once
/// Copying the segments of an indirect request out of the guest's pages, once, by either way of reaching them.

#include <span>

#include "block/grant_cache.hpp"
#include "block/request.hpp"

namespace rf::block {

/// Reads `segments.size()` segments that lie in `pages` in order. False if a page is not mapped.
[[nodiscard]] bool read_mapped(const GrantCache& cache, std::span<const xen::GrantRef> pages, std::span<RawSegment> segments);
/// The same by hypervisor copies. False if a page is not granted.
[[nodiscard]] bool read_copied(xen::GrantMapper& grants, xen::DomainId domain, std::span<const xen::GrantRef> pages,
                               std::span<RawSegment> segments);

}  // namespace rf::block
