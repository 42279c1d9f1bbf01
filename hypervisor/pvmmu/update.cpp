// SPDX-License-Identifier: MIT
#include "pvmmu/update.hpp"

#include "base/address_map.hpp"
#include "mm/frame_table.hpp"

namespace rf::pvmmu {
namespace {

[[nodiscard]] std::atomic_ref<std::uint64_t> slot(EntryPlace place)
{
    return shared(direct_as<std::uint64_t>(place.table)[place.index]);
}

[[nodiscard]] constexpr Entry merged(Entry value, Entry old, Preserve preserve)
{
    if (preserve == Preserve::nothing || !value.is_present())
        return value;
    return value.with(old.bits() & (Entry::accessed | Entry::dirty));
}

} // namespace

namespace detail {

Entry load_entry(EntryPlace place) { return Entry{slot(place).load(relaxed)}; }

bool swap_entry(EntryPlace place, Entry old, Entry fresh)
{
    std::uint64_t expected = old.bits();
    return slot(place).compare_exchange_strong(expected, fresh.bits(), acq_rel);
}

} // namespace detail

Result<EntryPlace> find_entry(Mfn root, GuestVirtual address, unsigned level)
{
    if (!address_map::guest_range_ok(address.value, 1))
        return fail(Errno::einval);
    EntryPlace place{root, table_index(address.value, 4)};
    for (unsigned at = 4; at > level; --at) {
        Entry const entry = detail::load_entry(place);
        if (!entry.is_present())
            return fail(Errno::einval);
        place = {entry.frame(), table_index(address.value, at - 1)};
    }
    return place;
}

Result<Entry> translate(Mfn root, GuestVirtual address)
{
    auto const place = find_entry(root, address, 1);
    if (!place)
        return fail(Errno::efault);
    Entry const entry = detail::load_entry(*place);
    if (!entry.is_present())
        return fail(Errno::efault);
    return entry;
}

Status write_leaf(Space& space, EntryPlace place, Entry value, DomainId target, Preserve preserve)
{
    TRY(modify_leaf(space, place, target, [&](Entry old) { return merged(value, old, preserve); }));
    return {};
}

Result<Progress> write_table_entry(Space& space, EntryPlace place, unsigned level, Entry value, Preserve preserve,
                                   Budget& budget)
{
    if (level == 4 && place.index >= address_map::first_hypervisor_slot &&
        place.index <= address_map::last_hypervisor_slot)
        return fail(Errno::einval);
    Entry const old = detail::load_entry(place);
    if (value.is_present()) {
        TRY(admit(value, level, Caching::fixed, entry_limits));
        bool const same_target = old.is_present() && old.frame() == value.frame();
        if (!same_target && TRY(take_table(space, value.frame(), level - 1, budget)) == Progress::more)
            return Progress::more;
        Entry const before{slot(place).exchange(adjust(merged(value, old, preserve), level).bits(), acq_rel)};
        if (!same_target && before.is_present())
            drop_table(space, before.frame());
        return Progress::done;
    }
    Entry const before{slot(place).exchange(value.bits(), acq_rel)};
    if (before.is_present())
        drop_table(space, before.frame());
    return Progress::done;
}

Result<Progress> pin(Space& space, Mfn mfn, unsigned level, Budget& budget)
{
    mm::Frame* frame = mm::frames.find(mfn);
    if (!frame || frame->load().pinned())
        return fail(Errno::einval);
    if (TRY(take_table(space, mfn, level, budget)) == Progress::more)
        return Progress::more;
    frame->state.fetch_or(mm::FrameState::pinned_bit, acq_rel);
    return Progress::done;
}

Status unpin(Space& space, Mfn mfn)
{
    mm::Frame* frame = mm::frames.find(mfn);
    if (!frame || frame->owner_id() != space.id || !frame->load().pinned())
        return fail(Errno::einval);
    frame->state.fetch_and(~mm::FrameState::pinned_bit, acq_rel);
    drop_table(space, mfn);
    return {};
}

} // namespace rf::pvmmu
