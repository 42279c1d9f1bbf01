// SPDX-License-Identifier: MIT
#pragma once
/// What a grant mapping is to page tables: an entry and its place. Room grant/ speaks of them, grant_places.hpp writes them.

#include "pvmmu/entry.hpp"

namespace rf::pvmmu {

enum class GrantAddress : std::uint64_t {
    linear,       ///< GrantPlace::address is a virtual address of the calling vCPU's current address space
    machine_entry ///< it is the machine address of the page-table entry (GNTMAP_contains_pte)
};

struct GrantPlace {
    GrantAddress kind;
    std::uint64_t address;
};

} // namespace rf::pvmmu
