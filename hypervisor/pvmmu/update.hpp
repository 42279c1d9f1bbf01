// SPDX-License-Identifier: MIT
#pragma once
/// Changing single entries of validated tables. All functions need Space::lock held and Space::unwinding drained; after a
/// change the caller drains again.

#include "base/address_map.hpp"
#include "pvmmu/leaf.hpp"
#include "pvmmu/tables.hpp"

namespace rf::pvmmu {

/// Where an entry is: a validated table of the domain.
struct EntryPlace {
    Mfn table;
    unsigned index;
};

/// Which bits of the old entry survive (MMU_PT_UPDATE_PRESERVE_AD).
enum class Preserve : std::uint8_t { nothing, accessed_dirty };

/// The present entry that maps `address` at `level` under `root`, found by walking the tables as the processor would.
/// Level 1 yields the place of the leaf entry whether or not that entry is present. Errno::einval: no table on the way.
[[nodiscard, gnu::always_inline]] inline Result<EntryPlace> find_entry(Mfn root, GuestVirtual address, unsigned level);

/// The leaf entry that maps `address` under `root`. Errno::efault when it is not present.
[[nodiscard]] Result<Entry> translate(Mfn root, GuestVirtual address);

/// Replaces the level-1 entry at `place` by what `compute(old)` yields, taking and dropping references; `target` must own
/// a mapped frame. Yields the entry that was there. On failure nothing changed. Errors as take_leaf.
template <class Compute>
[[nodiscard, gnu::always_inline]] inline Result<Entry> modify_leaf(Space& space, EntryPlace place, DomainId target, Compute compute);

/// modify_leaf with a given value.
[[nodiscard]] inline Status write_leaf(Space& space, EntryPlace place, Entry value, DomainId target, Preserve preserve);

/// Replaces an entry of a table of level 2..4. Progress::more: repeat the call later with the same arguments.
/// Errno::einval for the hypervisor's slots and inadmissible entries; errors as take_table.
[[nodiscard]] Result<Progress> write_table_entry(Space& space, EntryPlace place, unsigned level, Entry value,
                                                 Preserve preserve, Budget& budget);

/// Pins `mfn` as a table of `level`. Errno::einval when it is pinned already.
[[nodiscard]] Result<Progress> pin(Space& space, Mfn mfn, unsigned level, Budget& budget);
/// Takes the pin away. Errno::einval when there is none.
[[nodiscard]] Status unpin(Space& space, Mfn mfn);

namespace detail {
[[nodiscard]] inline std::atomic_ref<std::uint64_t> slot(EntryPlace place)
{
    return shared(direct_as<std::uint64_t>(place.table)[place.index]);
}
[[nodiscard]] inline Entry load_entry(EntryPlace place) { return Entry{slot(place).load(relaxed)}; }
/// Stores `fresh` over `old` if the entry still holds `old` (the processor may set accessed and dirty meanwhile).
[[nodiscard]] inline bool swap_entry(EntryPlace place, Entry old, Entry fresh)
{
    std::uint64_t expected = old.bits();
    return slot(place).compare_exchange_strong(expected, fresh.bits(), acq_rel);
}
[[nodiscard]] constexpr Entry merged(Entry value, Entry old, Preserve preserve)
{
    if (preserve == Preserve::nothing || !value.is_present())
        return value;
    return value.with(old.bits() & (Entry::accessed | Entry::dirty));
}
} // namespace detail

inline Result<EntryPlace> find_entry(Mfn root, GuestVirtual address, unsigned level)
{
    if (!address_map::guest_range_ok(address.value, 1))
        return fail(Errno::einval);
    EntryPlace place{root, table_index(address.value, 4)};
#pragma GCC unroll 4
    for (unsigned at = 4; at > level; --at) {
        Entry const entry = detail::load_entry(place);
        if (!entry.is_present())
            return fail(Errno::einval);
        place = {entry.frame(), table_index(address.value, at - 1)};
    }
    return place;
}

template <class Compute>
inline Result<Entry> modify_leaf(Space& space, EntryPlace place, DomainId target, Compute compute)
{
    // Only the processor races with us, and it can set each of two bits once: three rounds always suffice.
    for (int round = 0; round < 4; ++round) {
        Entry const old = detail::load_entry(place);
        Entry const fresh = compute(old);
        if (!fresh.is_present()) {
            TRY(admit_absent(fresh, space.end_of_memory));
            if (!detail::swap_entry(place, old, fresh))
                continue;
            drop_leaf(old);
            return old;
        }
        Entry const plain = adjust(fresh, 1);
        if (same_mapping(old, plain)) {
            if (detail::swap_entry(place, old, plain))
                return old;
            continue;
        }
        mm::Frame* const frame = usual_frame(fresh, target);
        Entry const stored = take_usual_leaf(frame, fresh, target) ? plain : TRY(take_unusual_leaf(space, fresh, target, frame));
        if (detail::swap_entry(place, old, stored)) {
            drop_leaf(old);
            return old;
        }
        drop_leaf(stored);
    }
    return fail(Errno::ebusy);
}

inline Status write_leaf(Space& space, EntryPlace place, Entry value, DomainId target, Preserve preserve)
{
    TRY(modify_leaf(space, place, target, [&](Entry old) { return detail::merged(value, old, preserve); }));
    return {};
}

} // namespace rf::pvmmu
