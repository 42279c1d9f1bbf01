// SPDX-License-Identifier: MIT
#include "pvmmu/update.hpp"

#include "base/address_map.hpp"
#include "mm/frame_table.hpp"
#include "pvmmu/root_view.hpp"

namespace rf::pvmmu {
using detail::merged;
using detail::slot;

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
        Entry const fresh = adjust(merged(value, old, preserve), level);
        Entry const before{slot(place).exchange(fresh.bits(), acq_rel)};
        if (level == 4)
            follow(space, place.table, place.index, fresh);
        if (!same_target && before.is_present())
            drop_table(space, before.frame());
        return Progress::done;
    }
    TRY(admit_absent(value, space.end_of_memory));
    Entry const before{slot(place).exchange(value.bits(), acq_rel)};
    if (level == 4)
        follow(space, place.table, place.index, value);
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
