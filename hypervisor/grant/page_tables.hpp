// SPDX-License-Identifier: MIT
#pragma once
/// What this room needs of the mapping domain's page tables; the hypercall layer implements it over
/// pvmmu/grant_mapping.hpp, tests by a recorder.

#include "base/result.hpp"
#include "pvmmu/grant_mapping.hpp"

namespace rf::grant {

class PageTables {
public:
    /// Puts `entry` at `place`. No grant lock is held. Errno::einval: no entry of the mapper there.
    [[nodiscard]] virtual Status install(pvmmu::GrantPlace place, pvmmu::GrantEntry const& entry) = 0;
    /// Takes a grant entry out and flushes it from all TLBs. Errno::einval: the entry holds something else.
    [[nodiscard]] virtual Status remove(pvmmu::GrantPlace place, Mfn frame, bool writable) = 0;

protected:
    ~PageTables() = default;
};

} // namespace rf::grant
