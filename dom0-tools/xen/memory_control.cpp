// SPDX-License-Identifier: MIT
#include "xen/memory_control.hpp"

#include <algorithm>
#include <cerrno>

#include "xen/event.h"
#include "xen/grant.h"
#include "xen/numbers.h"

namespace rf::xen {

Result<std::uint64_t> MemoryControl::reservation(std::uint32_t command, DomainId domain, std::span<std::uint64_t> extents,
                                                 unsigned order, std::uint32_t flags, const char* what)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, extents.size_bytes()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(std::span<const std::uint64_t>(extents));
    ::xen::xen_memory_reservation block{};
    block.extent_start.address = buffer->address();
    block.nr_extents = extents.size();
    block.extent_order = order;
    block.mem_flags = flags;
    block.domid = domain.value;
    auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_memory_op, {command}, 1, block, what);
    if (done)
        std::copy_n(buffer->as<std::uint64_t>(), std::min<std::size_t>(*done, extents.size()), extents.begin());
    return done;
}

Result<std::size_t> MemoryControl::populate(DomainId domain, std::span<std::uint64_t> extents, unsigned order, std::uint32_t flags)
{
    return reservation(::xen::XENMEM_populate_physmap, domain, extents, order, flags, "cannot give memory to the domain");
}

Result<std::size_t> MemoryControl::decrease(DomainId domain, std::span<const std::uint64_t> extents, unsigned order)
{
    std::vector<std::uint64_t> copy(extents.begin(), extents.end());
    return reservation(::xen::XENMEM_decrease_reservation, domain, copy, order, 0, "cannot take memory from the domain");
}

Result<void> MemoryControl::claim(DomainId domain, std::uint64_t pages)
{
    ::xen::xen_memory_reservation block{};
    block.nr_extents = pages;
    block.domid = domain.value;
    auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_memory_op, {::xen::XENMEM_claim_pages}, 1, block,
                                        "cannot claim memory for the domain");
    if (!done)
        return std::unexpected(done.error());
    return {};
}

Result<void> MemoryControl::set_memory_map(DomainId domain, std::span<const ::xen::e820entry> entries)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, entries.size_bytes()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(entries);
    ::xen::xen_foreign_memory_map block{};
    block.domid = domain.value;
    block.map.nr_entries = static_cast<std::uint32_t>(entries.size());
    block.map.buffer.address = buffer->address();
    auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_memory_op, {::xen::XENMEM_set_memory_map}, 1, block,
                                        "cannot set the domain's memory map");
    if (!done)
        return std::unexpected(done.error());
    return {};
}

Result<std::uint64_t> MemoryControl::domain_query(std::uint32_t command, DomainId domain, const char* what)
{
    ::xen::xen_memory_domain block{domain.value};
    return privcmd_.hypercall_with(::xen::HYPERVISOR_memory_op, {command}, 1, block, what);
}

Result<std::uint64_t> MemoryControl::current_pages(DomainId domain)
{
    return domain_query(::xen::XENMEM_current_reservation, domain, "cannot get the domain's memory");
}

Result<std::uint64_t> MemoryControl::maximum_pages(DomainId domain)
{
    return domain_query(::xen::XENMEM_maximum_reservation, domain, "cannot get the domain's memory limit");
}

Result<Mfn> MemoryControl::maximum_frame()
{
    auto result = privcmd_.hypercall(::xen::HYPERVISOR_memory_op, {::xen::XENMEM_maximum_ram_page},
                                     "cannot get the size of the machine");
    if (!result)
        return std::unexpected(result.error());
    return Mfn(*result);
}

Result<std::vector<Mfn>> MemoryControl::machine_to_physical_extents(std::size_t count)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, count * sizeof(std::uint64_t)));
    if (!buffer)
        return std::unexpected(buffer.error());
    ::xen::xen_machphys_mfn_list block{static_cast<std::uint32_t>(count), {buffer->address()}, 0};
    auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_memory_op, {::xen::XENMEM_machphys_mfn_list}, 1, block,
                                        "cannot find the machine-to-physical table");
    if (!done)
        return std::unexpected(done.error());
    const auto* first = buffer->as<std::uint64_t>();
    return std::vector<Mfn>(first, first + std::min<std::size_t>(count, block.nr_extents));
}

Result<void> MemoryControl::page_table_operations(DomainId domain, std::span<::xen::mmuext_op> operations)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, operations.size_bytes()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(std::span<const ::xen::mmuext_op>(operations));
    auto done = privcmd_.hypercall(::xen::HYPERVISOR_mmuext_op, {buffer->address(), operations.size(), 0, domain.value},
                                   "page-table operation refused");
    if (!done)
        return std::unexpected(done.error());
    return {};
}

Result<void> MemoryControl::clear_page(DomainId domain, Mfn frame)
{
    ::xen::mmuext_op operation{};
    operation.cmd = ::xen::MMUEXT_CLEAR_PAGE;
    operation.arg1.mfn = frame.value;
    return page_table_operations(domain, std::span(&operation, 1));
}

Result<void> MemoryControl::pin_l4(DomainId domain, Mfn frame)
{
    ::xen::mmuext_op operation{};
    operation.cmd = ::xen::MMUEXT_PIN_L4_TABLE;
    operation.arg1.mfn = frame.value;
    return page_table_operations(domain, std::span(&operation, 1));
}

Result<void> MemoryControl::update(DomainId domain, std::span<const ::xen::mmu_update> requests)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, requests.size_bytes()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(requests);
    auto done = privcmd_.hypercall(::xen::HYPERVISOR_mmu_update, {buffer->address(), requests.size(), 0, domain.value},
                                   "memory update refused");
    if (!done)
        return std::unexpected(done.error());
    return {};
}

Result<RemotePort> MemoryControl::allocate_port(DomainId owner, DomainId peer)
{
    ::xen::evtchn_alloc_unbound block{owner.value, peer.value, 0};
    auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_event_channel_op, {::xen::EVTCHNOP_alloc_unbound}, 1, block,
                                        "cannot allocate an event channel in the domain");
    if (!done)
        return std::unexpected(done.error());
    return RemotePort(block.port);
}

Result<std::vector<Mfn>> MemoryControl::setup_grant_table(DomainId domain, std::uint32_t frames)
{
    auto list = privcmd_.buffer(std::max<std::size_t>(1, frames * sizeof(std::uint64_t)));
    if (!list)
        return std::unexpected(list.error());
    ::xen::gnttab_setup_table block{};
    block.dom = domain.value;
    block.nr_frames = frames;
    block.frame_list.address = list->address();
    auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_grant_table_op, {::xen::GNTTABOP_setup_table, 0, 1}, 1, block,
                                        "cannot set up the domain's grant table");
    if (!done)
        return std::unexpected(done.error());
    if (block.status != 0)
        return failure(EINVAL, "the hypervisor refuses the domain's grant table with status " + std::to_string(block.status));
    const auto* first = list->as<std::uint64_t>();
    return std::vector<Mfn>(first, first + frames);
}

}  // namespace rf::xen
