// SPDX-License-Identifier: MIT
#pragma once
/// The domains as the audit sees them.

#include "audit/ledger.hpp"
#include "pvmmu/space.hpp"

namespace rf::audit {

/// What the audit must know of one domain.
struct Owner {
    pvmmu::Space const* space = nullptr;
    bool may_map_others = false; ///< the control domain
};

/// All domains; implemented over the domain table, and by tests over their own.
class Realm {
public:
    /// The domain, or null.
    [[nodiscard]] virtual Owner const* find(DomainId id) = 0;
    /// Enters what the domains hold besides page-table entries and pins: roots, descriptor pages, mapped grants, pages
    /// shared with the hypervisor.
    virtual void enter_holders(Ledger& ledger) = 0;
    /// Sums over all domains: frames that they own, and frames that count against their limits.
    struct Totals {
        std::uint64_t owned = 0;
        std::uint64_t pages = 0;
    };
    [[nodiscard]] virtual Totals totals() = 0;
    /// What vCPUs that are kept apart run on (pvmmu/root_view.hpp).
    struct View {
        Owner const* owner = nullptr;
        Mfn page;  ///< what the processor walks
        Mfn shown; ///< the root that it follows, or none
        Mfn root;  ///< the root that the vCPU holds, or none
    };
    /// Calls `see` for each view with `argument`.
    virtual void for_each_view(void (*see)(View const&, void* argument), void* argument) = 0;

protected:
    ~Realm() = default;
};

} // namespace rf::audit
