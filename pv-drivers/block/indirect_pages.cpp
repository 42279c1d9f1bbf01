// SPDX-License-Identifier: MIT
#include "block/indirect_pages.hpp"

#include "ring/shared_words.hpp"
#include "xenbus/guest_copy.hpp"

namespace rf::block {
namespace {

constexpr std::size_t per_page = ::xen::BLKIF_SEGMENTS_PER_INDIRECT_PAGE;

/// The part of `segments` that lies in page `index`.
std::span<RawSegment> part(std::span<RawSegment> segments, std::size_t index)
{
    const auto rest = segments.subspan(std::min(segments.size(), index * per_page));
    return rest.first(std::min(rest.size(), per_page));
}

}  // namespace

bool read_mapped(const GrantCache& cache, std::span<const xen::GrantRef> pages, std::span<RawSegment> segments)
{
    for (std::size_t i = 0; i < pages.size(); ++i) {
        const auto page = cache.page(pages[i]);
        if (page.empty())
            return false;
        const auto wanted = part(segments, i);
        for (std::size_t k = 0; k < wanted.size(); ++k)
            wanted[k] = ring::copy_out<RawSegment>(page.data() + k * sizeof(RawSegment));
    }
    return true;
}

bool read_copied(xen::GrantMapper& grants, xen::DomainId domain, std::span<const xen::GrantRef> pages,
                 std::span<RawSegment> segments)
{
    xenbus::GuestCopy copy(grants, domain);
    for (std::size_t i = 0; i < pages.size(); ++i)
        copy.from_guest(pages[i], 0, std::as_writable_bytes(part(segments, i)), 0);
    bool good = true;
    copy.run([&](std::uint32_t) { good = false; });
    return good;
}

}  // namespace rf::block
