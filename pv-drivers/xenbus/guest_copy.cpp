// SPDX-License-Identifier: MIT
#include "xenbus/guest_copy.hpp"

#include "xen/grant.h"

namespace rf::xenbus {

void GuestCopy::from_guest(xen::GrantRef ref, std::uint16_t offset, std::span<std::byte> to, std::uint32_t owner)
{
    xen::uapi::GntdevCopySegment segment{};
    segment.source.foreign = {ref.value, offset, domain_.value};
    segment.dest.virt = to.data();
    segment.len = static_cast<std::uint16_t>(to.size());
    segment.flags = ::xen::GNTCOPY_source_gref;
    segments_.push_back(segment);
    owners_.push_back(owner);
}

void GuestCopy::to_guest(xen::GrantRef ref, std::uint16_t offset, std::span<const std::byte> from, std::uint32_t owner)
{
    xen::uapi::GntdevCopySegment segment{};
    segment.source.virt = const_cast<std::byte*>(from.data());
    segment.dest.foreign = {ref.value, offset, domain_.value};
    segment.len = static_cast<std::uint16_t>(from.size());
    segment.flags = ::xen::GNTCOPY_dest_gref;
    segments_.push_back(segment);
    owners_.push_back(owner);
}

}  // namespace rf::xenbus
