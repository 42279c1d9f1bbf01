// SPDX-License-Identifier: MIT
#pragma once
/// The page tables of one domain. Owner of the rule that every reference counted in a frame's state stands for an entry,
/// a pin or a root that exists.
///
/// Lock: `lock` is held by every function of this room that changes a page-table entry or a table type of a frame which
/// this domain owns. Frames of other domains that entries point at are only counted, by compare-and-exchange.
///
/// Long work stops and goes on: `unwinding` lists tables whose last use is gone and whose entries still hold references,
/// root first. Every operation drains it before it does anything else (see tables.hpp).

#include "base/budget.hpp"
#include "base/rights.hpp"
#include "base/spinlock.hpp"
#include "mm/frame.hpp"
#include "pvmmu/rules.hpp"

#include <array>

namespace rf::mm {
class DomainMemory;
}

namespace rf::pvmmu {

class RootView;

class Space {
public:
    Space(DomainId id, mm::DomainMemory& memory) : id(id), memory(memory) {}

    DomainId const id;
    mm::DomainMemory& memory;
    Atomic<Rights const*> rights{&no_rights}; ///< to devices; what they are changes under `lock`
    Spinlock lock{LockRank::address_space};

    /// Level-3 table of the per-domain area (top-level slot 260), or invalid before the domain has one.
    Mfn domain_area;

    /// Tables being undone, outermost first; at most one chain of four exists at a time.
    std::array<Mfn, 4> unwinding{};
    unsigned unwinding_depth = 0; ///< changed as shared(): nothing_to_undo() looks without the lock

    /// Frames below it must not be named by entries that are not present; 0: entries may name any (admit_absent). Set once.
    std::uint64_t end_of_memory = 0;
    /// Guests of this domain run on views of their roots, not on the roots (root_view.hpp). Set once, at the beginning.
    bool separate = false;
    /// The views that follow roots of this domain.
    RootView* views = nullptr;

    /// Without the lock: true says that the calling CPU has left nothing to be undone.
    [[nodiscard]] bool nothing_to_undo() { return shared(unwinding_depth).load(relaxed) == 0; }
};

/// The machine's limits for entries; set once at boot.
extern EntryLimits entry_limits;
/// The contents of top-level slots 256..271 that all address spaces share; slot 260 comes from Space::domain_area.
extern std::array<std::uint64_t, 16> shared_slots;

} // namespace rf::pvmmu
