// SPDX-License-Identifier: MIT
/// Memory maps, the geometry of the machine-to-physical table, and pages of the hypervisor that a toolstack may map.
#include "base/address_map.hpp"
#include "base/budget.hpp"
#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/machine_map.hpp"
#include "hypercall/memory.hpp"
#include "mm/hypervisor_space.hpp"
#include "mm/m2p.hpp"

#include <algorithm>
#include <utility>

namespace rf::hypercall::memory {
namespace {

constexpr std::uint32_t most_entries = domain::Domain::most_map_entries;
/// One past the last byte that the machine-to-physical table may ever reach: 2^35 frames, 128 TiB of memory.
constexpr std::uint64_t m2p_end = address_map::m2p_guest + (1ull << 38);

/// Guards Domain::memory_map of all domains; held for one copy of at most most_entries. Not the control lock: a guest must
/// never wait for that one's holder, who may wait for the guest.
constinit Spinlock map_lock{LockRank::domain_table};

[[nodiscard]] Status copy_map_out(std::span<xen::e820entry const> map, std::uint64_t buffer)
{
    return guest::copy_bytes_out(GuestVirtual{buffer}, map.data(), map.size_bytes());
}

} // namespace

Status get_memory_map(Call& call)
{
    auto request = TRY(guest::fetch<xen::xen_memory_map>(call[1]));
    std::array<xen::e820entry, most_entries> copy;
    std::uint32_t count = 0;
    {
        LockGuard guard(map_lock); // the toolstack may replace the map
        mm::Array<xen::e820entry> const& map = call.domain.memory_map;
        if (!map)
            return fail(Errno::enosys);
        count = std::min(request.nr_entries, static_cast<std::uint32_t>(map.size()));
        std::copy_n(map.data(), count, copy.data());
    }
    TRY(copy_map_out({copy.data(), count}, request.buffer.address));
    request.nr_entries = count;
    return guest::copy_out(call[1], request);
}

Status set_memory_map(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto const request = TRY(guest::fetch<xen::xen_foreign_memory_map>(call[1]));
    auto const target = TRY(domain::find_target(call.domain, DomainId{request.domid}));
    std::uint32_t const count = request.map.nr_entries;
    if (count > most_entries)
        return fail(Errno::einval);
    mm::Array<xen::e820entry> fresh;
    if (count) {
        fresh = TRY(mm::Array<xen::e820entry>::make(count, &target->memory.structures));
        TRY(guest::copy_bytes_in(fresh.data(), GuestVirtual{request.map.buffer.address}, count * sizeof(xen::e820entry)));
    }
    LockGuard guard(map_lock);
    std::swap(target->memory_map, fresh);
    guard.unlock(); // the old map goes without the lock
    return {};
}

Status get_machine_memory_map(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto request = TRY(guest::fetch<xen::xen_memory_map>(call[1]));
    std::span<xen::e820entry const> const map = machine_map();
    if (request.nr_entries < map.size())
        return fail(Errno::einval);
    TRY(copy_map_out(map, request.buffer.address));
    request.nr_entries = static_cast<std::uint32_t>(map.size());
    return guest::copy_out(call[1], request);
}

Status get_machphys_frames(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto request = TRY(guest::fetch<xen::xen_machphys_mfn_list>(call[1]));
    // Each piece covers 1 GiB of machine memory.
    constexpr unsigned frames_per_piece_shift = 18;
    std::uint64_t const pieces =
        (mm::m2p_limit.value + (1ull << frames_per_piece_shift) - 1) >> frames_per_piece_shift;
    std::uint32_t const count = static_cast<std::uint32_t>(std::min<std::uint64_t>(request.max_extents, pieces));
    guest::Array<xen::xen_pfn_t> const list{request.extent_start.address, count};
    Mfn last{0};
    for (std::uint32_t i = 0; i < count; ++i) {
        // Holes repeat the piece before: the reader never looks at what it finds there.
        if (Mfn const piece = mm::m2p_piece(i); piece.valid())
            last = piece;
        TRY(list.put(i, last.value));
    }
    request.nr_extents = count;
    return guest::copy_out(call[1], request);
}

Status get_machphys_mapping(Call& call)
{
    // A guest keeps what it learns here when it moves to another machine; only the control domain stays.
    std::uint64_t const frames = call.domain.is_control() ? mm::m2p_limit.value : (m2p_end - address_map::m2p_guest) / 8;
    xen::xen_machphys_mapping const mapping{address_map::m2p_guest, m2p_end, frames - 1};
    return guest::copy_out(call[1], mapping);
}

Status get_reserved_device_memory(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto request = TRY(guest::fetch<xen::xen_reserved_device_memory_map>(call[1]));
    request.nr_entries = 0; // devices are not passed through, so none needs identity mappings
    return guest::copy_out(call[1], request);
}

namespace {

[[nodiscard]] Result<domain::DomainRef> decode_resource(Call& call, xen::xen_mem_acquire_resource const& request)
{
    if (request.pad || request.frame >> 32)
        return fail(Errno::einval);
    auto target = TRY(domain::find_target(call.domain, DomainId{request.domid}));
    if (target->id() == call.domain.id()) // a guest would map pages that it has already, behind its own back
        return fail(Errno::eperm);
    if (request.type != xen::XENMEM_resource_grant_table)
        return fail(Errno::eopnotsupp);
    if (request.id != xen::XENMEM_resource_grant_table_id_shared)
        return fail(Errno::einval); // there is no version 2, so no status frames
    return target;
}

} // namespace

Outcome acquire_resource(Call& call)
{
    auto request = guest::fetch<xen::xen_mem_acquire_resource>(call[1]);
    if (!request)
        return fail(request.error());
    auto const target = decode_resource(call, *request);
    if (!target)
        return fail(target.error());
    grant::GrantTable& grants = (*target)->grants;
    if (!request->frame_list.address) {
        request->nr_frames = grants.frame_limit();
        return Outcome::of(guest::copy_out(call[1], *request));
    }
    std::uint64_t done = progress(call);
    if (request->frame + request->nr_frames > grants.frame_limit() || done > request->nr_frames)
        return fail(Errno::einval);
    guest::Array<xen::xen_pfn_t> const list{request->frame_list.address, request->nr_frames};
    constexpr std::uint32_t frame_cost = 4; // it may have to be made, and filled with zeros
    Budget budget{units_per_segment};
    for (; done < request->nr_frames; ++done) {
        if (!budget.spend(frame_cost))
            return continue_from(call, done);
        auto const frame = grants.frame(static_cast<std::uint32_t>(request->frame + done));
        if (!frame)
            return fail(frame.error());
        if (Status told = list.put(done, frame->value); !told)
            return fail(told.error());
    }
    return Outcome::ok();
}

} // namespace rf::hypercall::memory
