// SPDX-License-Identifier: MIT
#pragma once
/// Hypercalls of every kind that allocates memory or copies from or to a guest, each on a fresh machine with Dom0 and two guests,
/// and what the caller must see when all goes well. Arguments lie in one arena, so that their reading can be watched.

#include "../pvmmu/world.hpp"
#include "injection.hpp"
#include "xen/event.h"
#include "xen/grant.h"
#include "xen/memory.h"

#include <functional>
#include <string>

namespace rf::injection_tests {

using pvmmu_tests::entry;
using pvmmu_tests::Guest;
using pvmmu_tests::link;
using pvmmu_tests::machine;
using pvmmu_tests::read_write;
using pvmmu_tests::readable;
using pvmmu_tests::slot;

class Scene : public pvmmu_tests::World {
public:
    void TestBody() override {}
    using World::a;
    using World::audit_is_clean;
    using World::b;
    using World::dom0;
    using World::draw_tables;
    using World::extended;
    using World::map;
    using World::pin;
    using World::start;

    Scene() { audits = false; }

    /// Around each segment of a hypercall of the script.
    std::function<void()> before_call = [] {}, after_call = [] {};
    std::int64_t run(Guest& guest, hypercall::Handler handler, hypercall::Arguments arguments)
    {
        while (true) {
            before_call();
            auto const outcome = once(guest, handler, arguments);
            after_call();
            if (!outcome.is_again())
                return outcome.result();
            arguments = outcome.next_arguments();
        }
    }

    /// Puts a value into the arena and yields its place.
    template <class T>
    T* put(T const& value)
    {
        used_ = (used_ + 7) & ~std::size_t{7};
        T* const at = reinterpret_cast<T*>(arena_.data() + used_);
        used_ += sizeof(T);
        EXPECT_LE(used_, arena_.size());
        std::memcpy(static_cast<void*>(at), &value, sizeof value);
        return at;
    }
    template <class T>
    static std::uint64_t address(T const* object) { return reinterpret_cast<std::uint64_t>(object); }
    [[nodiscard]] injection::Piece arena() const { return {address(arena_.data()), arena_.size()}; }

    /// A hypercall on one argument structure; success is 0.
    template <class T>
    bool event(Guest& guest, std::uint32_t command, T& argument)
    {
        return run(guest, hypercall::event_channel_op, {command, address(&argument)}) == 0;
    }
    bool control(xen::xen_domctl* op) { return run(dom0, hypercall::domctl, {address(op)}) == 0; }
    [[nodiscard]] xen::xen_domctl* request(std::uint32_t command, DomainId id)
    {
        xen::xen_domctl op{};
        op.cmd = command;
        op.interface_version = xen::XEN_DOMCTL_INTERFACE_VERSION;
        op.domain = id.value;
        return put(op);
    }
    /// `user` may use `granter`'s frame by reference `ref`.
    static void grant(Guest& granter, unsigned ref, Guest const& user, Mfn frame)
    {
        auto* const table = direct_as<xen::grant_entry_v1>(granter.domain->grants.frame(0).value());
        table[ref] = {xen::GTF_permit_access, user.id().value, static_cast<std::uint32_t>(frame.value)};
    }
    template <class T, std::size_t Count>
    bool grants(Guest& guest, std::uint32_t command, std::array<T, Count>* list)
    {
        if (run(guest, hypercall::grant_table_op, {command, address(list->data()), Count}) != 0)
            return false;
        return std::ranges::all_of(*list, [](T const& each) { return each.status == xen::GNTST_okay; });
    }

private:
    alignas(4096) std::array<std::byte, 65536> arena_{};
    std::size_t used_ = 0;
};

struct Case {
    std::string name;
    std::function<void(Scene&)> prepare; ///< what went before; nothing fails in it
    std::function<bool(Scene&)> act;     ///< true if the caller sees nothing but success
};

// ---- page tables and descriptors

inline void add_page_table_cases(std::vector<Case>& all)
{
    auto const started = [](Scene& scene) { scene.start(scene.a); };
    all.push_back({"mmu_update, entries and a table", started, [](Scene& scene) {
                       auto* const requests = scene.put(std::array<xen::mmu_update, 3>{{
                           {machine(scene.a[3], 8), entry(scene.a[9], read_write)},
                           {machine(scene.a[2], 1), entry(scene.a[40], link)},
                           {machine(scene.a[3], 9), 0}}});
                       auto* const done = scene.put(std::uint32_t{});
                       return scene.run(scene.a, hypercall::mmu_update, {scene.address(requests), 3, scene.address(done), domid_self.value}) == 0 &&
                              *done == 3;
                   }});
    all.push_back({"mmuext_op, one", started, [](Scene& scene) {
                       auto* const op = scene.put(Scene::extended(xen::MMUEXT_CLEAR_PAGE, scene.a[45].value));
                       return scene.run(scene.a, hypercall::mmuext_op, {scene.address(op), 1, 0, domid_self.value}) == 0;
                   }});
    all.push_back({"mmuext_op, several",
                   [](Scene& scene) {
                       scene.start(scene.a);
                       for (unsigned i = 0; i < table_entries; ++i)
                           slot(scene.a[40], i) = i < 4 ? entry(scene.a[20 + i], readable) : 0;
                   },
                   [](Scene& scene) {
                       auto* const ops = scene.put(std::array<xen::mmuext_op, 4>{
                           Scene::extended(xen::MMUEXT_PIN_L1_TABLE, scene.a[40].value), Scene::extended(xen::MMUEXT_COPY_PAGE, scene.a[41].value, scene.a[42].value),
                           Scene::extended(xen::MMUEXT_NEW_USER_BASEPTR, scene.a[0].value), Scene::extended(xen::MMUEXT_UNPIN_TABLE, scene.a[40].value)});
                       auto* const done = scene.put(std::uint32_t{});
                       return scene.run(scene.a, hypercall::mmuext_op, {scene.address(ops), 4, scene.address(done), domid_self.value}) == 0 && *done == 4;
                   }});
    all.push_back({"set_gdt",
                   [](Scene& scene) {
                       scene.draw_tables(scene.a, 32);
                       scene.start(scene.a);
                       for (unsigned i : {50u, 51u})
                           std::memset(direct(scene.a[i]), 0, page_size);
                   },
                   [](Scene& scene) {
                       auto* const frames = scene.put(std::array<std::uint64_t, 2>{scene.a[50].value, scene.a[51].value});
                       return scene.run(scene.a, hypercall::set_gdt, {scene.address(frames), 600}) == 0;
                   }});
}

// ---- memory

inline xen::xen_memory_reservation extents(std::uint64_t list, std::uint64_t count, unsigned order, DomainId id = domid_self)
{
    return {.extent_start = {list}, .nr_extents = count, .extent_order = order, .mem_flags = 0, .domid = id.value};
}

inline void add_memory_cases(std::vector<Case>& all)
{
    auto const nothing = [](Scene&) {};
    auto const change = [](std::uint32_t command, unsigned order) {
        return [=](Scene& scene) {
            auto* const list = scene.put(std::array<std::uint64_t, 3>{100, 101, 102});
            if (command == xen::XENMEM_decrease_reservation)
                *list = {scene.a[50].value, scene.a[51].value, scene.a[52].value};
            auto* const reservation = scene.put(extents(scene.address(list), 3, order));
            return scene.run(scene.a, hypercall::memory_op, {command, scene.address(reservation)}) == 3;
        };
    };
    all.push_back({"populate_physmap", nothing, change(xen::XENMEM_populate_physmap, 0)});
    all.push_back({"populate_physmap of eight", nothing, change(xen::XENMEM_populate_physmap, 3)});
    all.push_back({"populate_physmap of 32", nothing, change(xen::XENMEM_populate_physmap, 5)});
    all.push_back({"increase_reservation", nothing, change(xen::XENMEM_increase_reservation, 1)});
    all.push_back({"decrease_reservation", nothing, change(xen::XENMEM_decrease_reservation, 0)});
    all.push_back({"exchange", nothing, [](Scene& scene) {
                       auto* const given = scene.put(std::array<std::uint64_t, 4>{scene.a[50].value, scene.a[51].value, scene.a[52].value, scene.a[53].value});
                       auto* const wanted = scene.put(std::array<std::uint64_t, 2>{50, 52});
                       auto* const exchange = scene.put(xen::xen_memory_exchange{.in = extents(scene.address(given), 4, 0), .out = extents(scene.address(wanted), 2, 1), .nr_exchanged = 0});
                       return scene.run(scene.a, hypercall::memory_op, {xen::XENMEM_exchange, scene.address(exchange)}) == 0;
                   }});
    all.push_back({"claim_pages", nothing, [](Scene& scene) {
                       auto* const claim = scene.put(extents(0, 80, 0, scene.a.id()));
                       return scene.run(scene.dom0, hypercall::memory_op, {xen::XENMEM_claim_pages, scene.address(claim)}) == 0;
                   }});
    all.push_back({"current_reservation", nothing, [](Scene& scene) {
                       auto* const domain = scene.put(xen::xen_memory_domain{domid_self.value});
                       return scene.run(scene.a, hypercall::memory_op, {xen::XENMEM_current_reservation, scene.address(domain)}) == 64;
                   }});
    all.push_back({"machphys_mapping", nothing, [](Scene& scene) {
                       auto* const mapping = scene.put(xen::xen_machphys_mapping{});
                       return scene.run(scene.a, hypercall::memory_op, {xen::XENMEM_machphys_mapping, scene.address(mapping)}) == 0;
                   }});
}

// ---- grants

inline void add_grant_cases(std::vector<Case>& all)
{
    auto const granted = [](Scene& scene) {
        scene.start(scene.b);
        auto* const setup = scene.put(std::array<xen::gnttab_setup_table, 1>{});
        auto* const list = scene.put(std::uint64_t{});
        (*setup)[0] = {.dom = domid_self.value, .nr_frames = 1, .status = 1, .frame_list = {scene.address(list)}};
        EXPECT_TRUE(scene.grants(scene.a, xen::GNTTABOP_setup_table, setup));
        for (unsigned ref = 8; ref < 12; ++ref)
            scene.grant(scene.a, ref, scene.b, scene.a[30 + ref]);
    };
    auto const requests = [](Scene& scene) {
        std::array<xen::gnttab_map_grant_ref, 2> list{};
        for (unsigned i = 0; i < 2; ++i)
            list[i] = {(20 + i) * page_size, xen::GNTMAP_host_map, 8 + i, scene.a.id().value, 1, 0, 0};
        return scene.put(list);
    };
    all.push_back({"setup_table", [](Scene&) {}, [](Scene& scene) {
                       auto* const list = scene.put(std::array<std::uint64_t, 3>{});
                       auto* const setup = scene.put(std::array<xen::gnttab_setup_table, 1>{});
                       (*setup)[0] = {.dom = domid_self.value, .nr_frames = 3, .status = 1, .frame_list = {scene.address(list)}};
                       return scene.grants(scene.a, xen::GNTTABOP_setup_table, setup);
                   }});
    all.push_back({"query_size", [](Scene&) {}, [](Scene& scene) {
                       auto* const query = scene.put(std::array<xen::gnttab_query_size, 1>{});
                       (*query)[0].dom = domid_self.value;
                       (*query)[0].status = 1;
                       return scene.grants(scene.a, xen::GNTTABOP_query_size, query);
                   }});
    all.push_back({"map_grant_ref", granted, [=](Scene& scene) { return scene.grants(scene.b, xen::GNTTABOP_map_grant_ref, requests(scene)); }});
    all.push_back({"map and unmap_grant_ref", granted, [=](Scene& scene) {
                       auto* const maps = requests(scene);
                       if (!scene.grants(scene.b, xen::GNTTABOP_map_grant_ref, maps))
                           return false;
                       auto* const unmaps = scene.put(std::array<xen::gnttab_unmap_grant_ref, 2>{});
                       for (unsigned i = 0; i < 2; ++i)
                           (*unmaps)[i] = {(*maps)[i].host_addr, 0, (*maps)[i].handle, 1};
                       return scene.grants(scene.b, xen::GNTTABOP_unmap_grant_ref, unmaps);
                   }});
    all.push_back({"map and unmap_grant_ref, one", granted, [=](Scene& scene) {
                       auto* const map = scene.put(std::array<xen::gnttab_map_grant_ref, 1>{});
                       (*map)[0] = {20 * page_size, xen::GNTMAP_host_map, 8, scene.a.id().value, 1, 0, 0};
                       if (!scene.grants(scene.b, xen::GNTTABOP_map_grant_ref, map))
                           return false;
                       auto* const unmap = scene.put(std::array<xen::gnttab_unmap_grant_ref, 1>{});
                       (*unmap)[0] = {(*map)[0].host_addr, 0, (*map)[0].handle, 1};
                       return scene.grants(scene.b, xen::GNTTABOP_unmap_grant_ref, unmap);
                   }});
    all.push_back({"copy", granted, [](Scene& scene) {
                       std::array<xen::gnttab_copy, 2> copies{};
                       for (auto& copy : copies) {
                           copy.source = {.u = {.ref = 9}, .domid = scene.a.id().value, .offset = 16};
                           copy.dest.u.gmfn = scene.b[40].value;
                           copy.dest.domid = domid_self.value;
                           copy.len = 100;
                           copy.flags = xen::GNTCOPY_source_gref;
                           copy.status = 1;
                       }
                       return scene.grants(scene.b, xen::GNTTABOP_copy, scene.put(copies));
                   }});
}

// ---- event channels

inline void add_event_cases(std::vector<Case>& all)
{
    auto const nothing = [](Scene&) {};
    all.push_back({"alloc_unbound, many", nothing, [](Scene& scene) {
                       bool well = true;
                       auto* const op = scene.put(xen::evtchn_alloc_unbound{});
                       for (unsigned i = 0; i < 300; ++i) {
                           *op = {domid_self.value, scene.b.id().value, 0};
                           well = scene.event(scene.a, xen::EVTCHNOP_alloc_unbound, *op) && well;
                       }
                       return well;
                   }});
    all.push_back({"bind, send, status, close", nothing, [](Scene& scene) {
                       auto* const offer = scene.put(xen::evtchn_alloc_unbound{domid_self.value, scene.b.id().value, 0});
                       bool well = scene.event(scene.a, xen::EVTCHNOP_alloc_unbound, *offer);
                       auto* const bind = scene.put(xen::evtchn_bind_interdomain{scene.a.id().value, offer->port, 0});
                       well = scene.event(scene.b, xen::EVTCHNOP_bind_interdomain, *bind) && well;
                       auto* const send = scene.put(xen::evtchn_send{bind->local_port});
                       well = scene.event(scene.b, xen::EVTCHNOP_send, *send) && well;
                       auto* const unmask = scene.put(xen::evtchn_unmask{offer->port});
                       well = scene.event(scene.a, xen::EVTCHNOP_unmask, *unmask) && well;
                       auto* const status = scene.put(xen::evtchn_status{domid_self.value, offer->port, 0, 0, {}});
                       well = scene.event(scene.a, xen::EVTCHNOP_status, *status) && well;
                       auto* const close = scene.put(xen::evtchn_close{offer->port});
                       return scene.event(scene.a, xen::EVTCHNOP_close, *close) && well;
                   }});
    all.push_back({"virtual interrupts", nothing, [](Scene& scene) {
                       auto* const virq = scene.put(xen::evtchn_bind_virq{xen::VIRQ_TIMER, 1, 0});
                       auto* const ipi = scene.put(xen::evtchn_bind_ipi{1, 0});
                       bool const bound = scene.event(scene.a, xen::EVTCHNOP_bind_virq, *virq);
                       return scene.event(scene.a, xen::EVTCHNOP_bind_ipi, *ipi) && bound;
                   }});
    all.push_back({"FIFO", nothing, [](Scene& scene) {
                       bool well = true;
                       for (std::uint32_t vcpu = 0; vcpu < 2; ++vcpu) {
                           auto* const control = scene.put(xen::evtchn_init_control{scene.a[40 + vcpu].value, 0, vcpu, 0, {}});
                           well = scene.event(scene.a, xen::EVTCHNOP_init_control, *control) && well;
                       }
                       auto* const array = scene.put(xen::evtchn_expand_array{scene.a[42].value});
                       well = scene.event(scene.a, xen::EVTCHNOP_expand_array, *array) && well;
                       auto* const priority = scene.put(xen::evtchn_set_priority{1, 3});
                       auto* const offer = scene.put(xen::evtchn_alloc_unbound{domid_self.value, scene.b.id().value, 0});
                       well = scene.event(scene.a, xen::EVTCHNOP_alloc_unbound, *offer) && well;
                       priority->port = offer->port;
                       return scene.event(scene.a, xen::EVTCHNOP_set_priority, *priority) && well;
                   }});
}

// ---- what a toolstack asks for

inline void add_control_cases(std::vector<Case>& all)
{
    static constexpr DomainId fresh{77};
    auto const create = [](Scene& scene) {
        auto* const op = scene.request(xen::XEN_DOMCTL_createdomain, fresh);
        op->u.createdomain.max_vcpus = 2;
        op->u.createdomain.max_evtchn_port = 1023;
        op->u.createdomain.max_grant_frames = 4;
        op->u.createdomain.max_maptrack_frames = 4;
        op->u.createdomain.grant_opts = 1;
        return scene.control(op);
    };
    auto const end = [](Scene& scene) {
        if (!domain::find(fresh))
            return true;
        injection::control.watch = injection::Watch::nothing;
        return scene.control(scene.request(xen::XEN_DOMCTL_destroydomain, fresh));
    };
    all.push_back({"createdomain", [](Scene&) {}, [=](Scene& scene) {
                       bool const made = create(scene);
                       return end(scene) && made;
                   }});
    all.push_back({"max_vcpus", [](Scene&) {}, [=](Scene& scene) {
                       bool well = create(scene);
                       auto* const vcpus = scene.request(xen::XEN_DOMCTL_max_vcpus, fresh);
                       vcpus->u.max_vcpus.max = 2;
                       well = well && scene.control(vcpus);
                       return end(scene) && well;
                   }});
    all.push_back({"getdomaininfo", [](Scene&) {}, [](Scene& scene) { return scene.control(scene.request(xen::XEN_DOMCTL_getdomaininfo, scene.a.id())); }});
    all.push_back({"ioport_permission", [](Scene& scene) { EXPECT_TRUE(scene.dom0.domain->own_rights().value()->ports.add(0x300, 0x30f)); }, [](Scene& scene) {
                       auto* const op = scene.request(xen::XEN_DOMCTL_ioport_permission, scene.a.id());
                       op->u.ioport_permission = {.first_port = 0x300, .nr_ports = 16, .allow_access = 1};
                       return scene.control(op);
                   }});
}

inline std::vector<Case> cases()
{
    std::vector<Case> all;
    add_page_table_cases(all);
    add_memory_cases(all);
    add_grant_cases(all);
    add_event_cases(all);
    add_control_cases(all);
    return all;
}

} // namespace rf::injection_tests
