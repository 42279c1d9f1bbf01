// SPDX-License-Identifier: MIT
/// Memory, grants and event channels, and any hypercall at all.
#include "belongings.hpp"
#include "world.hpp"
#include "xen/memory.h"
#include "xen/sched.h"

namespace rf::hostile {

using namespace rf::runtime;

namespace {

std::uint64_t domain_number()
{
    static constexpr std::uint64_t domains[] = {xen::DOMID_SELF, xen::DOMID_SELF, xen::DOMID_SELF, 0, 1, 2, xen::DOMID_IO, xen::DOMID_XEN, 0x7fff};
    return self().random.once_in(12) ? self().value() : domains[self().random.below(std::size(domains))];
}

/// Gives a scratch page up, if it is still there, and asks for another in its place.
void trade_page(unsigned number)
{
    std::uint64_t frame = self().scratch_frame(number);
    const bool lost = frame == ~0ull;  // the other vCPU took the frame that was meant for it
    xen::xen_memory_reservation reservation{};
    reservation.extent_start = handle_of(&frame);
    reservation.nr_extents = self().random.once_in(8) ? self().value() : 1;
    reservation.extent_order = self().random.once_in(16) ? static_cast<std::uint32_t>(self().value()) : 0;
    reservation.domid = xen::DOMID_SELF;
    const bool usual = reservation.nr_extents == 1 && reservation.extent_order == 0;
    if (!usual)
        frame = self().random.next() & 0xfffffff;
    const auto pseudo = (reinterpret_cast<std::uint64_t>(self().scratch(number)) - virtual_base) / page_size;
    const auto place = reinterpret_cast<std::uint64_t>(self().scratch(number));
    if (self().random.once_in(2))
        self().call(xen::HYPERVISOR_update_va_mapping, place, 0, 2);  // or it stays mapped while it is given up
    if (!lost && self().call(xen::HYPERVISOR_memory_op, xen::XENMEM_decrease_reservation, as_argument(&reservation)) != 1)
        return;
    if (!usual)
        return;  // frames that were not ours, if any
    ground.set_scratch_frame(number, ~0ull);
    frame = pseudo;
    if (self().call(xen::HYPERVISOR_memory_op, xen::XENMEM_populate_physmap, as_argument(&reservation)) != 1)
        return;
    belongings.learn(frame);  // the other vCPU may do the same, and have the last word of which it is
    ground.set_scratch_frame(number, frame);
    self().call(xen::HYPERVISOR_update_va_mapping, place, frame << 12 | 0x67, 2);
}

void trade_some_page()
{
    belongings.begin_trade();
    trade_page(self().scratch_number());
    belongings.end_trade();
}

/// More memory, by a request that seldom makes sense; but the list of it is ours, so that we know what we got.
void ask_for_memory(std::uint64_t operation)
{
    static constexpr std::uint64_t nothing_yet = 1ull << 40;
    constexpr std::size_t list_from = 32;
    (void)self().arguments();
    auto* const reservation = reinterpret_cast<xen::xen_memory_reservation*>(self().argument_page());
    const std::span list{self().argument_page() + list_from, World::argument_words - list_from};
    // Who begins far behind the list's start is told of frames outside of it, and we would not know them as ours.
    operation = (operation & 0x3f) | (operation >> 6) % (list.size() / 2) << 6;
    for (std::size_t i = 0; i < list.size(); ++i)
        list[i] = nothing_yet + i;
    reservation->extent_start = handle_of(list.data());
    reservation->extent_order = static_cast<std::uint32_t>(self().random.once_in(4) ? self().value() : self().random.below(10));
    if (self().random.once_in(2))
        reservation->domid = xen::DOMID_SELF;
    belongings.begin_trade();
    self().call(xen::HYPERVISOR_memory_op, operation, as_argument(reservation));
    std::size_t got = 0;
    for (std::size_t i = 0; i < list.size(); ++i)
        if (list[i] != nothing_yet + i) {
            belongings.learn(list[i], reservation->extent_order % 64);
            list[got++] = list[i];
        }
    belongings.end_trade();
    reservation->nr_extents = got;
    if (got > 0)  // or no page that was lost in a trade ever comes back
        self().call(xen::HYPERVISOR_memory_op, xen::XENMEM_decrease_reservation, as_argument(reservation));
}

void copy_by_grant()
{
    xen::gnttab_copy copies[3];
    for (auto& copy : copies) {
        copy = {};
        copy.source.u.gmfn = self().random.once_in(4) ? self().value() : self().frame();
        copy.source.domid = static_cast<xen::domid_t>(domain_number());
        copy.source.offset = static_cast<std::uint16_t>(self().random.below(5000));
        copy.dest.u.gmfn = self().random.once_in(8) ? self().value() | 1ull << 40 : self().scratch_frame(self().scratch_number());
        copy.dest.domid = xen::DOMID_SELF;
        copy.dest.offset = static_cast<std::uint16_t>(self().random.below(4200));
        copy.len = static_cast<std::uint16_t>(self().random.below(4200));
        copy.flags = static_cast<std::uint16_t>(self().random.below(4) & 1);
    }
    self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_copy, as_argument(&copies[0]), 1 + self().random.below(3));
}

void map_by_grant()
{
    xen::gnttab_map_grant_ref map{};
    const bool entry = self().random.once_in(3);
    map.host_addr = entry ? self().scratch_frame(self().scratch_number()) << 12 | self().random.below(512) * 8
                          : reinterpret_cast<std::uint64_t>(self().scratch(self().scratch_number()));
    map.flags = static_cast<std::uint32_t>(self().random.below(64)) | (entry ? xen::GNTMAP_contains_pte | xen::GNTMAP_host_map : 0);
    map.ref = static_cast<xen::grant_ref_t>(self().random.below(48));
    map.dom = static_cast<xen::domid_t>(domain_number());
    if (self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_map_grant_ref, as_argument(&map), 1) < 0 || map.status != xen::GNTST_okay)
        return;
    xen::gnttab_unmap_grant_ref unmap{};
    unmap.host_addr = self().random.once_in(4) ? self().value() : map.host_addr;
    unmap.handle = self().random.once_in(4) ? static_cast<std::uint32_t>(self().value()) : map.handle;
    self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_unmap_grant_ref, as_argument(&unmap), 1);
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
        if (self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_setup_table, as_argument(&setup), 1) < 0 || setup.status != 0 ||
            !memory.map_shared(place, MachineFrame{frame}))
            return;
        table = reinterpret_cast<xen::grant_entry_v1*>(place);
    }
    auto& entry = table[8 + self().random.below(40)];
    entry.domid = static_cast<xen::domid_t>(domain_number());
    entry.frame = static_cast<std::uint32_t>(self().frame());
    entry.flags = static_cast<std::uint16_t>(self().random.once_in(3) ? self().value() : 1 | (self().random.below(2) << 2));
}

void any_grant_operation()
{
    const auto operation = self().random.once_in(8) ? self().value() : self().random.below(13);
    if (operation == xen::GNTTABOP_copy)
        return;  // it would overwrite our own program
    self().call(xen::HYPERVISOR_grant_table_op, operation, self().arguments(), self().random.once_in(4) ? self().value() : 1 + self().random.below(4));
}

/// The ports by which the guest itself lives.
bool is_vital(std::uint64_t port)
{
    return port == start_info().store_evtchn || port == start_info().console.domU.evtchn || port <= 4;
}

}  // namespace

void abuse_memory()
{
    if (!self().random.once_in(4))
        return trade_some_page();
    std::uint64_t operation = self().random.once_in(8) ? self().value() : self().random.below(30);
    if (self().random.once_in(16))
        operation |= self().random.below(1u << 20) << 6;
    switch (operation & 0x3f) {
    case xen::XENMEM_decrease_reservation:  // they would take our own program
    case xen::XENMEM_exchange:
        return ask_for_memory((operation & ~0x3full) | xen::XENMEM_populate_physmap);
    case xen::XENMEM_increase_reservation:
    case xen::XENMEM_populate_physmap:
        return ask_for_memory(operation);
    default:
        self().call(xen::HYPERVISOR_memory_op, operation, self().arguments());
    }
}

void abuse_grants()
{
    static constexpr void (*moves[])() = {copy_by_grant, map_by_grant, scribble_grants, any_grant_operation};
    moves[self().random.below(std::size(moves))]();
}

void abuse_events()
{
    const std::uint64_t address = self().arguments();
    auto* const words = reinterpret_cast<std::uint32_t*>(self().argument_page());
    auto operation = self().random.once_in(16) ? self().value() : self().random.below(14);
    const auto port = static_cast<std::uint32_t>(self().random.once_in(6) ? self().value() : 5 + self().random.below(60));
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
    const bool own = address == reinterpret_cast<std::uint64_t>(self().argument_page());
    if (own || operation > xen::EVTCHNOP_set_priority)
        self().call(xen::HYPERVISOR_event_channel_op, operation, address);
}

void abuse_anything()
{
    std::uint64_t number = self().random.once_in(16) ? self().value() : self().random.below(64);
    const std::uint64_t first = self().random.once_in(2) ? self().random.below(48) : self().value();
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
        return abuse_vcpus();
    case xen::HYPERVISOR_multicall: {
        (void)self().arguments();
        auto* const entries = reinterpret_cast<xen::multicall_entry*>(self().argument_page());
        constexpr std::uint64_t room = World::argument_words * 8 / sizeof *entries;
        for (std::uint64_t i = 0; i < room; ++i)
            entries[i].op = self().random.once_in(4) ? xen::HYPERVISOR_multicall : xen::HYPERVISOR_xen_version;
        self().call(xen::HYPERVISOR_multicall, as_argument(entries), self().random.once_in(8) ? room : 1 + self().random.below(6));
        return;
    }
    default:
        break;
    }
    self().call(static_cast<xen::hypercall_number>(number), first, self().arguments(), self().value(), self().value(), self().value());
}

}  // namespace rf::hostile
