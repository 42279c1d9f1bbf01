// SPDX-License-Identifier: MIT
/// The mapper's side: map, unmap, teardown.
#include "grant/holding.hpp"
#include "grant/page_hold.hpp"

namespace rf::grant {
namespace {

constexpr std::uint32_t both_halves = xen::GNTMAP_host_map | xen::GNTMAP_device_map;

constexpr Access access_of(std::uint32_t flags)
{
    return flags & xen::GNTMAP_readonly ? Access::read : Access::write;
}

constexpr pvmmu::GrantPlace place_of(std::uint64_t address, std::uint32_t flags)
{
    auto const kind =
        flags & xen::GNTMAP_contains_pte ? pvmmu::GrantAddress::machine_entry : pvmmu::GrantAddress::linear;
    return {kind, address};
}

constexpr pvmmu::Entry entry_of(Mfn frame, std::uint32_t flags)
{
    using pvmmu::Entry;
    std::uint64_t const guest_bits = std::uint64_t{flags} >> xen::GNTMAP_guest_avail0 << 9 & Entry::available_low;
    return Entry::of(frame, Entry::present | Entry::accessed | Entry::dirty | Entry::no_execute | guest_bits |
                                (access_of(flags) == Access::write ? Entry::writable : 0) |
                                (flags & xen::GNTMAP_application_map ? Entry::user : 0));
}

} // namespace

[[gnu::always_inline]] inline xen::grant_status GrantTable::map_one(GrantTable& granter, PageTables& tables,
                                                                    xen::gnttab_map_grant_ref& op)
{
    if (!(op.flags & both_halves))
        return xen::GNTST_bad_gntref;
    if (!maptrack_.reserve())
        return xen::GNTST_no_device_space;
    Access const access = access_of(op.flags);
    auto const frame = granter.hold_locked(op.ref, owner_, access);
    if (!frame)
        return frame.error();
    bool const host = op.flags & xen::GNTMAP_host_map;
    unsigned const mappings = host ? 2 : 1; // the grant counts, and so does the entry
    if (!mm::take_mappings(*frame, granter.owner(), mapping_of(access), mappings)) {
        granter.let_go_locked(op.ref, access);
        return xen::GNTST_general_error;
    }
    if (host && !tables.install(place_of(op.host_addr, op.flags), entry_of(*frame, op.flags))) {
        granter.let_go_locked(op.ref, access);
        mm::drop_mapping(mm::frames[*frame], mapping_of(access), mappings);
        return xen::GNTST_general_error;
    }
    op.dev_bus_addr = MachineAddress::of(*frame).value;
    op.handle = maptrack_.enter({.granter = &granter,
                                 .host_address = op.host_addr,
                                 .frame = static_cast<std::uint32_t>(frame->value),
                                 .flags = op.flags & (both_halves | xen::GNTMAP_readonly | xen::GNTMAP_contains_pte),
                                 .ref = op.ref});
    return xen::GNTST_okay;
}

void GrantTable::map(GrantTable& granter, PageTables& tables, std::span<xen::gnttab_map_grant_ref> ops)
{
    LockGuard grants(granter.lock_);
    LockGuard handles(maptrack_.lock());
    OpenTables const open(tables);
    for (xen::gnttab_map_grant_ref& op : ops)
        op.status = map_one(granter, tables, op);
}

/// Takes the halves out that `op` names. The address must be the one of the map: an equal entry elsewhere is another mapping
/// with counts of its own. What is over by that joins those who wait for the flush.
[[gnu::always_inline]] inline xen::grant_status GrantTable::take_out(PageTables& tables, xen::gnttab_unmap_grant_ref const& op,
                                                                     Departure& leaving)
{
    MapRecord* const record = maptrack_.claim(op.handle);
    if (!record)
        return xen::GNTST_bad_handle;
    bool const host = op.host_addr != 0 && record->flags & xen::GNTMAP_host_map;
    bool const device = op.dev_bus_addr != 0 && record->flags & xen::GNTMAP_device_map;
    Access const access = access_of(record->flags);
    Mfn const frame{record->frame};
    if ((device && op.dev_bus_addr != MachineAddress::of(frame).value) ||
        (host && (op.host_addr != record->host_address ||
                  !tables.remove(place_of(op.host_addr, record->flags), frame, access == Access::write)))) {
        Maptrack::restore(*record);
        return xen::GNTST_general_error;
    }
    record->flags &= ~((host ? xen::GNTMAP_host_map : 0u) | (device ? xen::GNTMAP_device_map : 0u));
    if (!(record->flags & both_halves)) [[likely]] {
        leaving.add(record, op.handle, host ? 2 : 1);
        leaving.needs_flush |= host;
        return xen::GNTST_okay;
    }
    // A half stays, and with it the record, which anybody may claim again: the entry must be forgotten before.
    if (host) {
        tables.flush();
        mm::drop_mapping(mm::frames[frame], mapping_of(access));
    }
    Maptrack::restore(*record);
    return xen::GNTST_okay;
}

/// Nobody uses the entries of these mappings any more. References come last, when all granters' tables were left: they keep
/// the granters, and so their tables, alive.
[[gnu::always_inline]] inline void GrantTable::give_back(Departure const& leaving)
{
    for (unsigned first = 0, end = 0; first < leaving.count; first = end) {
        GrantTable& granter = *leaving.list[first].record->granter;
        LockGuard guard(granter.lock_);
        for (end = first; end < leaving.count && leaving.list[end].record->granter == &granter; ++end)
            granter.let_go_locked(leaving.list[end].record->ref, access_of(leaving.list[end].record->flags));
    }
    LockGuard guard(maptrack_.lock());
    for (unsigned index = 0; index < leaving.count; ++index) {
        auto const& [record, handle, mappings] = leaving.list[index];
        mm::drop_mapping(mm::frames[Mfn{record->frame}], mapping_of(access_of(record->flags)), mappings);
        maptrack_.give_back(handle, *record);
    }
}

void GrantTable::unmap(PageTables& tables, std::span<xen::gnttab_unmap_grant_ref> ops)
{
    Departure leaving;
    {
        OpenTables const open(tables);
        for (xen::gnttab_unmap_grant_ref& op : ops)
            op.status = take_out(tables, op, leaving);
    }
    if (leaving.needs_flush)
        tables.flush();
    give_back(leaving);
}

Progress GrantTable::release_all(Budget& budget)
{
    {
        LockGuard guard(lock_);
        dying_ = true;
    }
    for (; release_cursor_ < maptrack_.records(); ++release_cursor_) {
        if (!budget.spend())
            return Progress::more;
        auto const handle = maptrack_.handle_at(release_cursor_);
        if (!handle)
            continue;
        if (MapRecord* record = maptrack_.claim(*handle)) {
            Departure leaving; // the entry, if there is one, counts for itself
            leaving.add(record, *handle, 1);
            give_back(leaving);
        }
    }
    if (LockGuard guard(maptrack_.lock()); maptrack_.in_use() != 0) { // a hypercall of this domain is still on its way out
        release_cursor_ = 0;
        return Progress::more;
    }
    drop_frames();
    return Progress::done;
}

} // namespace rf::grant
