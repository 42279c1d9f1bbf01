// SPDX-License-Identifier: MIT
#pragma once
/// The part of pvmmu that grant mappings use: put a granted frame into a page-table entry of the mapping domain, and take
/// it out again. References on the granted frame are the caller's (room grant/); these functions move only entries and
/// drop the references of whatever the entry held before.

#include "base/result.hpp"
#include "base/types.hpp"

namespace rf::domain {
class Domain;
}

namespace rf::pvmmu {

enum class GrantAddress : std::uint8_t {
    linear,       ///< GrantPlace::address is a virtual address of the calling vCPU's current address space
    machine_entry ///< it is the machine address of the page-table entry (GNTMAP_contains_pte)
};

struct GrantPlace {
    GrantAddress kind;
    std::uint64_t address;
};

struct GrantEntry {
    Mfn frame;
    bool writable;
    bool user;                  ///< GNTMAP_application_map
    std::uint8_t guest_bits;    ///< three available bits chosen by the guest (GNTMAP_guest_avail)
};

/// Writes the entry. Errno::einval: no level-1 entry there, misaligned, or not the mapper's page table.
[[nodiscard]] Status install_grant(domain::Domain& mapper, GrantPlace place, GrantEntry const& entry);
/// Clears the entry if it maps `frame` with the same writability, and flushes it from all TLBs before returning.
/// Errno::einval when the entry holds something else.
[[nodiscard]] Status remove_grant(domain::Domain& mapper, GrantPlace place, Mfn frame, bool writable);

} // namespace rf::pvmmu
