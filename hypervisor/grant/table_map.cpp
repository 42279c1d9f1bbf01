// SPDX-License-Identifier: MIT
/// The mapper's side: map, unmap, teardown.
#include "grant/page_hold.hpp"
#include "grant/table.hpp"

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

constexpr pvmmu::GrantEntry entry_of(Mfn frame, std::uint32_t flags)
{
    return {
        .frame = frame,
        .writable = access_of(flags) == Access::write,
        .user = (flags & xen::GNTMAP_application_map) != 0,
        .guest_bits = static_cast<std::uint8_t>(flags >> xen::GNTMAP_guest_avail0 & 7),
    };
}

} // namespace

[[gnu::always_inline]] inline xen::grant_status GrantTable::map_into(MapRecord& record, GrantTable& granter, PageTables& tables,
                                       xen::gnttab_map_grant_ref& op)
{
    auto page = PageHold::of_grant(granter, op.ref, owner_, access_of(op.flags));
    if (!page)
        return page.error();
    if (op.flags & xen::GNTMAP_host_map)
        if (!tables.install(place_of(op.host_addr, op.flags), entry_of(page->frame(), op.flags)))
            return xen::GNTST_general_error;
    record.granter = &granter;
    record.host_address = op.host_addr;
    record.frame = static_cast<std::uint32_t>(page->frame().value);
    record.flags = op.flags & (both_halves | xen::GNTMAP_readonly | xen::GNTMAP_contains_pte);
    record.ref = op.ref;
    op.dev_bus_addr = MachineAddress::of(page->frame()).value;
    page->keep();
    return xen::GNTST_okay;
}

/// Undoes the halves that `op` names. The address must be the one of the map: an equal entry elsewhere is another
/// mapping with a reference of its own.
[[gnu::always_inline]] inline xen::grant_status GrantTable::unmap_from(MapRecord& record, PageTables& tables, xen::gnttab_unmap_grant_ref const& op)
{
    bool const host = op.host_addr != 0 && record.flags & xen::GNTMAP_host_map;
    bool const device = op.dev_bus_addr != 0 && record.flags & xen::GNTMAP_device_map;
    Mfn const frame{record.frame};
    if (device && op.dev_bus_addr != MachineAddress::of(frame).value)
        return xen::GNTST_general_error;
    if (host) {
        bool const writable = access_of(record.flags) == Access::write;
        if (op.host_addr != record.host_address ||
            !tables.remove(place_of(op.host_addr, record.flags), frame, writable))
            return xen::GNTST_general_error;
        record.flags &= ~xen::GNTMAP_host_map;
    }
    if (device)
        record.flags &= ~xen::GNTMAP_device_map;
    return xen::GNTST_okay;
}

/// The record was claimed and no page-table entry is left.
[[gnu::always_inline]] inline void GrantTable::drop_mapping(xen::grant_handle_t handle, MapRecord& record)
{
    auto const page = PageHold::kept(*record.granter, record.ref, Mfn{record.frame}, access_of(record.flags));
    maptrack_.give_back(handle, record);
}

xen::grant_status GrantTable::map(GrantTable& granter, PageTables& tables, xen::gnttab_map_grant_ref& op)
{
    if (!(op.flags & both_halves))
        return xen::GNTST_bad_gntref;
    auto const slot = maptrack_.take();
    if (!slot)
        return xen::GNTST_no_device_space;
    xen::grant_status const status = map_into(*slot->record, granter, tables, op);
    if (status != xen::GNTST_okay) {
        maptrack_.give_back(slot->handle, *slot->record);
        return status;
    }
    op.handle = slot->handle;
    maptrack_.publish(*slot->record);
    return xen::GNTST_okay;
}

xen::grant_status GrantTable::unmap(PageTables& tables, xen::gnttab_unmap_grant_ref const& op)
{
    MapRecord* record = maptrack_.claim(op.handle);
    if (!record)
        return xen::GNTST_bad_handle;
    xen::grant_status const status = unmap_from(*record, tables, op);
    if (record->flags & both_halves)
        maptrack_.restore(*record);
    else
        drop_mapping(op.handle, *record);
    return status;
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
        if (MapRecord* record = maptrack_.claim(*handle))
            drop_mapping(*handle, *record);
    }
    if (maptrack_.in_use() != 0) { // a hypercall of this domain is still on its way out
        release_cursor_ = 0;
        return Progress::more;
    }
    drop_frames();
    return Progress::done;
}

} // namespace rf::grant
