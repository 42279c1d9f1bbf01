// SPDX-License-Identifier: MIT
#pragma once
/// Pages that a frontend with persistent grants keeps granted, kept mapped here, so that the common request needs no
/// hypercall. Pages are mapped in groups (what one request needed) and the group longest unused goes first when the limit is
/// reached; a frontend needs not be told. A page found here is valid until the next `require` or `clear`.

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "xen/grant_map.hpp"

namespace rf::block {

class GrantCache {
public:
    /// `limit`: most pages kept; larger than any single request.
    GrantCache(xen::GrantMapper& mapper, xen::DomainId domain, std::size_t limit)
        : mapper_(&mapper), domain_(domain), limit_(limit) {}

    /// Sees to it that all of `refs` that can be mapped are mapped. A reference that cannot is simply not found afterwards.
    void require(std::span<const xen::GrantRef> refs);
    /// The page behind a reference; empty if it is not mapped.
    [[nodiscard]] std::span<std::byte> page(xen::GrantRef ref) const;
    /// Unmaps everything.
    void clear();
    [[nodiscard]] std::size_t pages() const { return places_.size(); }

private:
    struct Group {
        xen::GrantMapping mapping;
        std::vector<xen::GrantRef> refs;
        std::uint64_t last_use = 0;
    };
    using Groups = std::list<Group>;  // most recently used first
    struct Place {
        Groups::iterator group;
        std::size_t index;
    };

    void make_room(std::size_t count);
    void add(xen::GrantMapping mapping, std::vector<xen::GrantRef> refs);

    xen::GrantMapper* mapper_;
    xen::DomainId domain_;
    std::size_t limit_;
    std::uint64_t now_ = 0;
    Groups groups_;
    std::unordered_map<xen::GrantRef, Place> places_;
};

}  // namespace rf::block
