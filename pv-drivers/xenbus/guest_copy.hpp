// SPDX-License-Identifier: MIT
#pragma once
/// A batch of hypervisor-side copies between this process and pages that one domain has granted.

#include <cstdint>
#include <span>
#include <vector>

#include "xen/grant.h"
#include "xen/grant_map.hpp"

namespace rf::xenbus {

class GuestCopy {
public:
    GuestCopy(xen::GrantMapper& mapper, xen::DomainId domain) : mapper_(&mapper), domain_(domain) {}

    /// Adds a copy out of the page at `offset`; `owner` says in `run` whose it was. Offset and length stay within a page.
    void from_guest(xen::GrantRef ref, std::uint16_t offset, std::span<std::byte> to, std::uint32_t owner)
    {
        xen::uapi::GntdevCopySegment& segment = add(to.size(), ::xen::GNTCOPY_source_gref, owner);
        segment.source.foreign = {ref.value, offset, domain_.value};
        segment.dest.virt = to.data();
    }
    void to_guest(xen::GrantRef ref, std::uint16_t offset, std::span<const std::byte> from, std::uint32_t owner)
    {
        xen::uapi::GntdevCopySegment& segment = add(from.size(), ::xen::GNTCOPY_dest_gref, owner);
        segment.source.virt = const_cast<std::byte*>(from.data());
        segment.dest.foreign = {ref.value, offset, domain_.value};
    }
    [[nodiscard]] bool empty() const { return segments_.empty(); }

    /// Copies everything with one system call and forgets it; calls `failed(owner)` for each copy that did not succeed.
    template <class Failed>
    void run(Failed&& failed)
    {
        if (segments_.empty())
            return;
        const auto copied = mapper_->copy(segments_);
        for (std::size_t i = 0; i < segments_.size(); ++i)
            if (!copied || segments_[i].status != 0)
                failed(owners_[i]);
        segments_.clear();
        owners_.clear();
    }

private:
    [[nodiscard]] xen::uapi::GntdevCopySegment& add(std::size_t bytes, std::uint16_t flags, std::uint32_t owner)
    {
        owners_.push_back(owner);
        xen::uapi::GntdevCopySegment& segment = segments_.emplace_back();
        segment.len = static_cast<std::uint16_t>(bytes);
        segment.flags = flags;
        return segment;
    }

    xen::GrantMapper* mapper_;
    xen::DomainId domain_;
    std::vector<xen::uapi::GntdevCopySegment> segments_;
    std::vector<std::uint32_t> owners_;
};

}  // namespace rf::xenbus
