// SPDX-License-Identifier: MIT
#pragma once
/// GNTTABOP_copy: bytes from page to page, each end a grant or an own frame.

#include "grant/table.hpp"

namespace rf::grant {

/// One end of a copy, resolved: the table of the domain that owns the page, and the page as grant or frame.
struct CopyEnd {
    enum class Kind : std::uint8_t { grant, frame };
    GrantTable& owner;
    Kind kind;
    std::uint64_t number; ///< grant reference, or machine frame of the owner
    std::uint16_t offset; ///< bytes into the page
};

/// Copies `length` bytes on behalf of `user`; both frames are referenced while it lasts. Yields the element's status.
[[nodiscard]] xen::grant_status copy(DomainId user, CopyEnd const& source, CopyEnd const& destination,
                                     std::uint16_t length);

} // namespace rf::grant
