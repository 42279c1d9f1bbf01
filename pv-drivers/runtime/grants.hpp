// SPDX-License-Identifier: MIT
#pragma once
/// The grant table, version 1: lends single pages to other domains.
/// One table page, 512 entries, of which the first eight are the toolstack's. Owner: the main program.

#include <array>
#include <cstdint>

#include "memory.hpp"
#include "result.hpp"
#include "xen/grant.h"

namespace rf::runtime {

using front::GrantAccess;
using front::GrantReference;

class Grants final : public front::GrantTable {
public:
    /// Sets the table up and maps it. Errors: errno of the hypercalls, or the negated GNTST_* status.
    [[nodiscard]] Result<void> initialise();

    /// Lends a page of ours to `domain`; ENOSPC when no entry is free.
    [[nodiscard]] Result<GrantReference> lend(xen::domid_t domain, const std::byte* page, GrantAccess access) override;
    /// Takes a lent page back; EBUSY while it is still mapped: then the page must not be reused.
    [[nodiscard]] Result<void> take_back(GrantReference reference) override;

    static constexpr GrantReference entries = page_size / sizeof(xen::grant_entry_v1);

private:
    xen::grant_entry_v1* table_ = nullptr;
    std::array<bool, entries> used_{};
};

extern Grants grants;

}  // namespace rf::runtime
