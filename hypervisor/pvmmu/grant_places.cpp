// SPDX-License-Identifier: MIT
#include "pvmmu/grant_places.hpp"

namespace rf::pvmmu {

/// The entry wherever it lies, or null; its table is known from now on.
[[gnu::always_inline]] inline std::uint64_t* GrantPlaces::find(GrantPlace place)
{
    Mfn table = MachineAddress{place.address}.frame();
    if (place.kind == GrantAddress::linear) {
        auto const found = find_entry(root_, GuestVirtual{place.address}, 1);
        if (!found)
            return nullptr;
        table = found->table;
    } else if (!is_table(space_, table, 1)) {
        return nullptr;
    }
    known_ = key_of(place);
    table_ = direct_as<std::uint64_t>(table);
    return find_near(place);
}

bool GrantPlaces::install_elsewhere(GrantPlace place, Entry entry)
{
    std::uint64_t* const at = find(place);
    return at && put(*at, entry);
}

bool GrantPlaces::remove_elsewhere(GrantPlace place, Mfn frame, bool writable)
{
    std::uint64_t* const at = find(place);
    return at && take(*at, frame, writable);
}

void GrantPlaces::replace(std::uint64_t& at, Entry fresh) { drop_leaf(Entry{shared(at).exchange(fresh.bits(), acq_rel)}); }

} // namespace rf::pvmmu
