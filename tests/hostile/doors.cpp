// SPDX-License-Identifier: MIT
/// Memory, grants and event channels, and any hypercall at all.
#include "world.hpp"
#include "xen/memory.h"
#include "xen/sched.h"
#include "xen/vcpu.h"

namespace rf::hostile {

using namespace rf::runtime;

namespace {

std::uint64_t domain_number()
{
    static constexpr std::uint64_t domains[] = {xen::DOMID_SELF, xen::DOMID_SELF, xen::DOMID_SELF, 0, 1, 2, xen::DOMID_IO, xen::DOMID_XEN, 0x7fff};
    return world.random.once_in(12) ? world.value() : domains[world.random.below(std::size(domains))];
}

/// Gives a scratch page up and asks for another in its place.
void trade_page()
{
    const unsigned number = world.scratch_number();
    std::uint64_t frame = world.scratch_frame(number);
    xen::xen_memory_reservation reservation{};
    reservation.extent_start = handle_of(&frame);
    reservation.nr_extents = world.random.once_in(8) ? world.value() : 1;
    reservation.extent_order = world.random.once_in(16) ? static_cast<std::uint32_t>(world.value()) : 0;
    reservation.domid = xen::DOMID_SELF;
    if (reservation.nr_extents != 1 || reservation.extent_order != 0)
        frame = world.random.next() & 0xfffffff;
    const auto pseudo = (reinterpret_cast<std::uint64_t>(world.scratch(number)) - virtual_base) / page_size;
    const auto place = reinterpret_cast<std::uint64_t>(world.scratch(number));
    if (world.random.once_in(2))
        world.call(xen::HYPERVISOR_update_va_mapping, place, 0, 2);  // or it stays mapped while it is given up
    if (world.call(xen::HYPERVISOR_memory_op, xen::XENMEM_decrease_reservation, as_argument(&reservation)) != 1)
        return;
    world.set_scratch_frame(number, ~0ull);
    frame = pseudo;
    if (world.call(xen::HYPERVISOR_memory_op, xen::XENMEM_populate_physmap, as_argument(&reservation)) != 1)
        return;
    world.set_scratch_frame(number, frame);
    world.call(xen::HYPERVISOR_update_va_mapping, place, frame << 12 | 0x67, 2);
}

void copy_by_grant()
{
    xen::gnttab_copy copies[3];
    for (auto& copy : copies) {
        copy = {};
        copy.source.u.gmfn = world.random.once_in(4) ? world.value() : world.frame();
        copy.source.domid = static_cast<xen::domid_t>(domain_number());
        copy.source.offset = static_cast<std::uint16_t>(world.random.below(5000));
        copy.dest.u.gmfn = world.random.once_in(8) ? world.value() | 1ull << 40 : world.scratch_frame(world.scratch_number());
        copy.dest.domid = xen::DOMID_SELF;
        copy.dest.offset = static_cast<std::uint16_t>(world.random.below(4200));
        copy.len = static_cast<std::uint16_t>(world.random.below(4200));
        copy.flags = static_cast<std::uint16_t>(world.random.below(4) & 1);
    }
    world.call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_copy, as_argument(&copies[0]), 1 + world.random.below(3));
}

void map_by_grant()
{
    xen::gnttab_map_grant_ref map{};
    const bool entry = world.random.once_in(3);
    map.host_addr = entry ? world.scratch_frame(world.scratch_number()) << 12 | world.random.below(512) * 8
                          : reinterpret_cast<std::uint64_t>(world.scratch(world.scratch_number()));
    map.flags = static_cast<std::uint32_t>(world.random.below(64)) | (entry ? xen::GNTMAP_contains_pte | xen::GNTMAP_host_map : 0);
    map.ref = static_cast<xen::grant_ref_t>(world.random.below(48));
    map.dom = static_cast<xen::domid_t>(domain_number());
    if (world.call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_map_grant_ref, as_argument(&map), 1) < 0 || map.status != xen::GNTST_okay)
        return;
    xen::gnttab_unmap_grant_ref unmap{};
    unmap.host_addr = world.random.once_in(4) ? world.value() : map.host_addr;
    unmap.handle = world.random.once_in(4) ? static_cast<std::uint32_t>(world.value()) : map.handle;
    world.call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_unmap_grant_ref, as_argument(&unmap), 1);
}

/// Grants to ourselves and others, written without any care for who maps them.
void scribble_grants()
{
    static xen::grant_entry_v1* table = nullptr;
    alignas(4096) static std::byte place[4096];
    if (table == nullptr) {
        std::uint64_t frame = 0;
        xen::gnttab_setup_table setup{};
        setup.dom = xen::DOMID_SELF;
        setup.nr_frames = 1;
        setup.frame_list = handle_of(&frame);
        if (world.call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_setup_table, as_argument(&setup), 1) < 0 || setup.status != 0 ||
            !memory.map_shared(place, MachineFrame{frame}))
            return;
        table = reinterpret_cast<xen::grant_entry_v1*>(place);
    }
    auto& entry = table[8 + world.random.below(40)];
    entry.domid = static_cast<xen::domid_t>(domain_number());
    entry.frame = static_cast<std::uint32_t>(world.frame());
    entry.flags = static_cast<std::uint16_t>(world.random.once_in(3) ? world.value() : 1 | (world.random.below(2) << 2));
}

void any_grant_operation()
{
    const auto operation = world.random.once_in(8) ? world.value() : world.random.below(13);
    if (operation == xen::GNTTABOP_copy)
        return;  // it would overwrite our own program
    world.call(xen::HYPERVISOR_grant_table_op, operation, world.arguments(), world.random.once_in(4) ? world.value() : 1 + world.random.below(4));
}

/// The ports by which the guest itself lives.
bool is_vital(std::uint64_t port)
{
    return port == start_info().store_evtchn || port == start_info().console.domU.evtchn || port <= 4;
}

}  // namespace

void abuse_memory()
{
    if (!world.random.once_in(4))
        return trade_page();
    std::uint64_t operation = world.random.once_in(8) ? world.value() : world.random.below(30);
    if ((operation & 0x3f) == xen::XENMEM_decrease_reservation || (operation & 0x3f) == xen::XENMEM_exchange)
        operation = xen::XENMEM_populate_physmap;
    world.call(xen::HYPERVISOR_memory_op, operation | (world.random.once_in(16) ? world.random.below(1u << 20) << 6 : 0), world.arguments());
}

void abuse_grants()
{
    static constexpr void (*moves[])() = {copy_by_grant, map_by_grant, scribble_grants, any_grant_operation};
    moves[world.random.below(std::size(moves))]();
}

void abuse_events()
{
    const std::uint64_t address = world.arguments();
    auto* const words = reinterpret_cast<std::uint32_t*>(world.argument_page());
    auto operation = world.random.once_in(16) ? world.value() : world.random.below(14);
    const auto port = static_cast<std::uint32_t>(world.random.once_in(6) ? world.value() : 5 + world.random.below(60));
    switch (operation) {
    case xen::EVTCHNOP_reset:
    case xen::EVTCHNOP_init_control:
        operation = xen::EVTCHNOP_status;
        [[fallthrough]];
    case xen::EVTCHNOP_status:
    case xen::EVTCHNOP_alloc_unbound:
    case xen::EVTCHNOP_bind_interdomain:
        words[0] = static_cast<std::uint32_t>(domain_number() | domain_number() << 16);
        words[1] = port;
        break;
    case xen::EVTCHNOP_close:
    case xen::EVTCHNOP_bind_vcpu:
        if (is_vital(port))
            return;
        words[0] = port;
        break;
    default:
        words[0] = port;
    }
    const bool own = address == reinterpret_cast<std::uint64_t>(world.argument_page());
    if (own || operation > xen::EVTCHNOP_set_priority)
        world.call(xen::HYPERVISOR_event_channel_op, operation, address);
}

void abuse_anything()
{
    std::uint64_t number = world.random.once_in(16) ? world.value() : world.random.below(64);
    const std::uint64_t first = world.random.once_in(2) ? world.random.below(48) : world.value();
    switch (number) {
    case xen::HYPERVISOR_set_trap_table:    // the families that put things back do these
    case xen::HYPERVISOR_set_callbacks:
    case xen::HYPERVISOR_callback_op:
    case xen::HYPERVISOR_nmi_op:
    case xen::HYPERVISOR_iret:
    case xen::HYPERVISOR_stack_switch:
    case xen::HYPERVISOR_set_gdt:
    case xen::HYPERVISOR_grant_table_op:
    case xen::HYPERVISOR_memory_op:
    case xen::HYPERVISOR_mmu_update:
    case xen::HYPERVISOR_mmuext_op:
    case xen::HYPERVISOR_event_channel_op:
    case xen::HYPERVISOR_sched_op:          // block and shutdown end the game too soon
    case xen::HYPERVISOR_sched_op_compat:
        number = xen::HYPERVISOR_xen_version;
        break;
    case xen::HYPERVISOR_vcpu_op:
        if (first == xen::VCPUOP_down || first == xen::VCPUOP_register_vcpu_info)
            return;
        break;
    case xen::HYPERVISOR_multicall: {
        (void)world.arguments();
        auto* const entries = reinterpret_cast<xen::multicall_entry*>(world.argument_page());
        constexpr std::uint64_t room = World::argument_words * 8 / sizeof *entries;
        for (std::uint64_t i = 0; i < room; ++i)
            entries[i].op = world.random.once_in(4) ? xen::HYPERVISOR_multicall : xen::HYPERVISOR_xen_version;
        world.call(xen::HYPERVISOR_multicall, as_argument(entries), world.random.once_in(8) ? room : 1 + world.random.below(6));
        return;
    }
    default:
        break;
    }
    world.call(static_cast<xen::hypercall_number>(number), first, world.arguments(), world.value(), world.value(), world.value());
}

}  // namespace rf::hostile
