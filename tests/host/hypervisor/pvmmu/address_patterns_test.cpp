// SPDX-License-Identifier: MIT
// Every address that a guest can hand over is tried with every pattern of the bits that make it canonical or not, and on both
// sides of the hypervisor's range. A model of two comparisons says what is refused; and no copy is ever begun of which one byte
// lies outside of what a guest may name.
#include "address_patterns.hpp"

#include "entry/leave.hpp"
#include "injection.hpp"
#include "pvcpu/msr.hpp"
#include "world.hpp"
#include "xen/domctl.h"
#include "xen/event.h"
#include "xen/grant.h"
#include "xen/nmi.h"
#include "xen/vcpu.h"

#include <functional>

namespace rf::pvmmu_tests {
namespace {

TEST(AddressRules, OfTheStandInAreTheMachines) // whose own are in base/address_map_test.cpp
{
    for (std::uint64_t address : address_patterns())
        for (std::uint64_t bytes : {1ull, 4ull, 64ull, 5168ull, 1ull << 40, 1ull << 47, ~0ull})
            ASSERT_EQ(address_map::guest_range_ok(address, bytes), plainly_guests(address, bytes)) << std::hex << address;
}

class AddressPatterns : public World {
protected:
    AddressPatterns()
    {
        audits = false; // at the end instead
        start(a);
        start(b);
    }
    ~AddressPatterns() override
    {
        injection::control.nowhere = {};
        injection::control.tried.clear();
        for (Guest* guest : {&a, &b})
            guest->domain->pause(); // as destroydomain does first
    }

    /// The tables of `a` map every lower part of the patterns, from every top-level slot of its own that they fall into:
    /// only the rules stand between a pattern and the entry.
    void map_everywhere()
    {
        for (unsigned index : {15u, 16u, 255u, 272u, 511u})
            ASSERT_EQ(write(a, a[0], index, entry(a[1], link)), 0);
        ASSERT_EQ(write(a, a[1], 511, entry(a[2], link)), 0);
        ASSERT_EQ(write(a, a[2], 511, entry(a[3], link)), 0);
    }
    /// Runs `call` while nothing is mapped at `address`; what it tried to copy there must be the guest's.
    std::int64_t reaching(std::uint64_t address, std::function<std::int64_t()> const& call)
    {
        constexpr std::uint64_t before = 64, after = 3 * page_size;
        injection::control.nowhere = {address - before, before + after};
        injection::control.tried.clear();
        std::int64_t const result = call();
        injection::control.nowhere = {};
        for (injection::Piece const& piece : injection::control.tried)
            EXPECT_TRUE(plainly_guests(piece.first, piece.bytes))
                << std::hex << address << ": " << piece.first << ", bytes " << piece.bytes;
        tries += injection::control.tried.size();
        return result;
    }
    template <class Try>
    void for_all_patterns(Try one)
    {
        for (std::uint64_t address : address_patterns()) {
            one(address);
            ASSERT_FALSE(HasFailure()) << std::hex << address;
        }
    }

    std::size_t tries = 0; ///< copies begun where there is nothing
};

TEST_F(AddressPatterns, OfMappings)
{
    map_everywhere();
    for_all_patterns([&](std::uint64_t pattern) {
        unsigned const index = Entry{pattern}.frame().value & 511;
        std::uint64_t const before = slot(a[3], index), wanted = entry(a[60], readable);
        bool const good = plainly_guests(pattern, 1);
        EXPECT_EQ(map(a, pattern, wanted), good ? 0 : error(Errno::einval));
        EXPECT_EQ(slot(a[3], index), good ? wanted | Entry::global : before);
        EXPECT_EQ(map_other(a, pattern, before, a.id()), good ? 0 : error(Errno::einval));
        EXPECT_EQ(slot(a[3], index), before);
    });
}

TEST_F(AddressPatterns, OfGrants)
{
    map_everywhere();
    direct_as<xen::grant_entry_v1>(b.domain->grants.frame(0).value())[8] = {xen::GTF_permit_access, a.id().value,
                                                                            static_cast<std::uint32_t>(b[40].value)};
    auto const call = [&](unsigned command, void* request) {
        EXPECT_EQ(run(a, hypercall::grant_table_op, {command, address(request), 1}), 0);
    };
    auto const map_at = [&](std::uint64_t place, std::uint32_t flags, bool good) {
        xen::gnttab_map_grant_ref request{};
        request.host_addr = place;
        request.flags = flags;
        request.ref = 8;
        request.dom = b.id().value;
        call(xen::GNTTABOP_map_grant_ref, &request);
        EXPECT_EQ(request.status == xen::GNTST_okay, good);
        EXPECT_EQ(state(b[40]).references() > 1, good);
        xen::gnttab_unmap_grant_ref undo{place, 0, request.handle, 0};
        call(xen::GNTTABOP_unmap_grant_ref, &undo);
        EXPECT_EQ(undo.status == xen::GNTST_okay, good);
        EXPECT_EQ(state(b[40]).references(), 1u);
    };
    for_all_patterns([&](std::uint64_t pattern) {
        if (pattern != 0) // which to unmap means "none"
            map_at(pattern, xen::GNTMAP_host_map, plainly_guests(pattern, 1));
        // As the machine address of an entry it is never good: no table lies there.
        map_at(machine(a[3], 40) | (pattern & ~(low_half_end - 1)), xen::GNTMAP_host_map | xen::GNTMAP_contains_pte,
               pattern >> 47 == 0);
    });
}

TEST_F(AddressPatterns, OfMachineAddresses)
{
    for_all_patterns([&](std::uint64_t pattern) {
        std::uint64_t const top = pattern & ~(low_half_end - 1);
        std::uint64_t const place = machine(a[3], 40) | top;
        EXPECT_EQ(update(a, {{place, 0}}) == 0, top == 0) << "an entry";
        EXPECT_EQ(update(a, {{(a[60].value << page_shift) | top | xen::MMU_MACHPHYS_UPDATE, 60}}) == 0, top == 0) << "a number";
        EXPECT_EQ(run(a, hypercall::update_descriptor, {(a[60].value << page_shift) | top, 0}) == 0, top == 0) << "a descriptor";
    });
}

TEST_F(AddressPatterns, OfLocalDescriptorTables)
{
    map_everywhere();
    for_all_patterns([&](std::uint64_t pattern) {
        for (std::uint64_t entries : {1u, 2u, 512u, 513u, 8192u}) {
            bool const good = pattern % page_size == 0 && plainly_guests(pattern, entries * 8);
            EXPECT_EQ(extend(a, extended(xen::MMUEXT_SET_LDT, pattern, entries)), good ? 0 : error(Errno::einval));
            EXPECT_EQ(extend(a, extended(xen::MMUEXT_SET_LDT, pattern, 0)), 0) << "none at all";
        }
    });
}

TEST_F(AddressPatterns, OfHandlersOfTrapsAndEvents)
{
    domain::PvState& pv = a.vcpu().pv;
    for_all_patterns([&](std::uint64_t pattern) {
        std::int64_t const expected = plainly_canonical(pattern) ? 0 : error(Errno::einval);
        pv.traps.clear();
        xen::trap_info const traps[2] = {{3, 0, xen::FLAT_RING3_CS64, pattern}, {}};
        EXPECT_EQ(run(a, hypercall::set_trap_table, {address(traps)}), expected);
        EXPECT_EQ(pv.traps[3].address, expected == 0 ? pattern : 0);
        for (unsigned position = 0; position < 3; ++position) {
            Arguments arguments{0x1000, 0x2000, 0x3000};
            EXPECT_EQ(run(a, hypercall::set_callbacks, arguments), 0);
            arguments[position] = pattern;
            EXPECT_EQ(run(a, hypercall::set_callbacks, arguments), expected);
            std::uint64_t const stored[] = {pv.event.address, pv.failsafe.address, pv.syscall.address};
            EXPECT_EQ(stored[position], expected == 0 ? pattern : 0x1000u * (position + 1));
        }
        for (std::uint16_t type = 0; type < 8; ++type) {
            xen::callback_register const request{type, 0, pattern};
            std::int64_t const result = run(a, hypercall::callback_op, {xen::CALLBACKOP_register, address(&request)});
            EXPECT_EQ(result, type == 6 ? error(Errno::enosys) : expected) << type;
        }
        xen::xennmi_callback const nmi{pattern, 0};
        EXPECT_EQ(run(a, hypercall::nmi_op, {xen::XENNMI_register_callback, address(&nmi)}), expected);
    });
}

TEST_F(AddressPatterns, OfSegmentBases)
{
    cpu::fake_registers.msrs.clear();
    for_all_patterns([&](std::uint64_t pattern) {
        bool const good = plainly_canonical(pattern);
        for (unsigned which : {0u + xen::SEGBASE_FS, 0u + xen::SEGBASE_GS_USER, 0u + xen::SEGBASE_GS_KERNEL})
            EXPECT_EQ(run(a, hypercall::set_segment_base, {which, pattern}), good ? 0 : error(Errno::einval));
        for (std::uint32_t number : {0xc0000100u, 0xc0000101u, 0xc0000102u})
            EXPECT_EQ(pvcpu::write_msr(a.vcpu(), number, pattern).has_value(), good);
        // What WRMSR would fault at, in ring 0, never gets there.
        for (auto const& [number, value] : cpu::fake_registers.msrs)
            EXPECT_TRUE(plainly_canonical(value)) << std::hex << number;
    });
    cpu::fake_registers.msrs.clear();
}

TEST_F(AddressPatterns, OfBreakpoints)
{
    for_all_patterns([&](std::uint64_t pattern) {
        bool const good = plainly_guests(pattern, 8);
        for (unsigned number = 0; number < 4; ++number) {
            a.vcpu().pv.debug[number] = 5;
            EXPECT_EQ(run(a, hypercall::set_debugreg, {number, pattern}), good ? 0 : error(Errno::eperm));
            EXPECT_EQ(a.vcpu().pv.debug[number], good ? pattern : 5);
        }
    });
}

TEST_F(AddressPatterns, OfAWholeContext)
{
    xen::vcpu_guest_context wanted{};
    wanted.flags = xen::VGCF_in_kernel;
    wanted.ctrlreg[3] = xen::xen_pfn_to_cr3(a[0].value);
    ASSERT_EQ(run(a, hypercall::vcpu_op, {xen::VCPUOP_initialise, 1, address(&wanted)}), 0);
    auto const control = [&](std::uint32_t command, auto fill) {
        xen::xen_domctl op{};
        op.cmd = command;
        op.interface_version = xen::XEN_DOMCTL_INTERFACE_VERSION;
        op.domain = a.id().value;
        fill(op);
        return run(dom0, hypercall::domctl, {address(&op)});
    };
    auto const set = [&] {
        return control(xen::XEN_DOMCTL_setvcpucontext, [&](auto& op) { op.u.vcpucontext = {.vcpu = 1, .ctxt = {address(&wanted)}}; });
    };
    std::uint64_t* const canonical[] = {&wanted.event_callback_eip, &wanted.failsafe_callback_eip, &wanted.syscall_callback_eip,
                                        &wanted.user_regs.rip,      &wanted.fs_base,               &wanted.gs_base_kernel,
                                        &wanted.gs_base_user,       &wanted.trap_ctxt[0].address,  &wanted.trap_ctxt[255].address};
    for_all_patterns([&](std::uint64_t pattern) {
        std::int64_t const expected = plainly_canonical(pattern) ? 0 : error(Errno::einval);
        for (std::uint64_t* field : canonical) {
            std::uint64_t const before = std::exchange(*field, pattern);
            EXPECT_EQ(set(), expected) << "field at " << reinterpret_cast<char*>(field) - reinterpret_cast<char*>(&wanted);
            *field = before;
        }
        for (unsigned number = 0; number < 4; ++number) {
            wanted.debugreg[number] = pattern;
            EXPECT_EQ(set(), 0);
            EXPECT_EQ(a.vcpu(1).pv.debug[number], plainly_guests(pattern, 8) ? pattern : 0);
            wanted.debugreg[number] = 0;
        }
        // A stack may point anywhere: each use of it is checked.
        wanted.user_regs.rsp = wanted.kernel_sp = pattern;
        EXPECT_EQ(set(), 0);
        wanted.ldt_ents = 8;
        wanted.ldt_base = pattern;
        bool const table_good = pattern % page_size == 0 && plainly_guests(pattern, 64);
        EXPECT_EQ(set(), error(table_good ? Errno::eopnotsupp : Errno::einval));
        wanted.ldt_ents = wanted.ldt_base = 0;
        for (bool first : {false, true})
            EXPECT_EQ(control(xen::XEN_DOMCTL_set_ext_vcpucontext,
                              [&](auto& op) {
                                  op.u.ext_vcpucontext.vcpu = 1;
                                  op.u.ext_vcpucontext.size = sizeof op.u.ext_vcpucontext;
                                  (first ? op.u.ext_vcpucontext.syscall32_callback_eip : op.u.ext_vcpucontext.sysenter_callback_eip) = pattern;
                              }),
                      expected);
    });
}

TEST_F(AddressPatterns, OfAreasThatTheHypervisorWrites)
{
    for (bool flagged : {false, true}) {
        a.domain->assists.store(flagged ? 1u << xen::VMASST_TYPE_runstate_update_flag : 0);
        for_all_patterns([&](std::uint64_t pattern) {
            xen::vcpu_register_runstate_memory_area runstate{};
            runstate.addr.p = pattern;
            xen::vcpu_register_time_memory_area time{};
            time.addr.p = pattern;
            for (auto [command, request] :
                 {std::pair{xen::VCPUOP_register_runstate_memory_area, address(&runstate)},
                  std::pair{xen::VCPUOP_register_vcpu_time_memory_area, address(&time)}})
                EXPECT_EQ(reaching(pattern, [&] { return run(a, hypercall::vcpu_op, {0u + command, 0, request}); }),
                          pattern == 0 ? 0 : error(Errno::efault));
        });
    }
    EXPECT_GT(tries, 100u);
}

TEST_F(AddressPatterns, OfTheFrameOfIret)
{
    a.vcpu().pv.in_kernel = true;
    auto const iret = [&](std::uint64_t stack) {
        xen::cpu_user_regs regs{};
        regs.rsp = stack;
        hypercall::Call call{a.vcpu(), *a.domain, regs, false};
        EXPECT_TRUE(hypercall::iret(call).is_replaced());
        return regs;
    };
    xen::iret_context frame{};
    frame.flags = xen::VGCF_in_syscall;
    frame.cs = 0xe030;
    frame.ss = 0xe028;
    for_all_patterns([&](std::uint64_t pattern) {
        frame.rip = pattern;
        frame.rsp = pattern;
        auto const regs = iret(address(&frame));
        EXPECT_EQ(regs.rip, pattern);
        EXPECT_EQ(entry::may_sysret(regs), plainly_canonical(pattern)) << "SYSRET would fault in ring 0";
        frame.flags = 0;
        frame.rcx = ~pattern;
        EXPECT_FALSE(entry::may_sysret(iret(address(&frame)))) << "rcx is not what it returns to";
        frame.flags = xen::VGCF_in_syscall;
    });
    EXPECT_EQ(a.domain->shutdown_code.load(), domain::no_shutdown_code);
    for_all_patterns([&](std::uint64_t pattern) { // where its frame cannot be read, the guest has ended itself
        reaching(pattern, [&] { return iret(pattern), 0; });
        EXPECT_NE(a.domain->shutdown_code.load(), domain::no_shutdown_code);
    });
    EXPECT_GT(tries, 10u);
}

TEST_F(AddressPatterns, OfArgumentsOfEveryHypercall)
{
    xen::mmu_update const request{machine(a[3], 40), 0};
    xen::mmuext_op const flush = extended(xen::MMUEXT_TLB_FLUSH_LOCAL, 0);
    struct Shape {
        hypercall::Handler handler;
        unsigned commands; ///< the first argument counts up to here; 0: it is one of `arguments`
        Arguments arguments;
        unsigned position; ///< of the pattern
    };
    std::uint64_t const self = domid_self.value;
    Shape const shapes[] = {
        {hypercall::mmu_update, 0, {0, 1, 0, self}, 0},
        {hypercall::mmu_update, 0, {address(&request), 1, 0, self}, 2},
        {hypercall::mmuext_op, 0, {0, 1, 0, self}, 0},
        {hypercall::mmuext_op, 0, {0, 2, 0, self}, 0},
        {hypercall::mmuext_op, 0, {address(&flush), 1, 0, self}, 2},
        {hypercall::set_trap_table, 0, {}, 0},
        {hypercall::set_gdt, 0, {0, 512}, 0},
        {hypercall::domctl, 0, {}, 0},
        {hypercall::callback_op, 3, {}, 1},
        {hypercall::nmi_op, 2, {}, 1},
        {hypercall::memory_op, 30, {}, 1},
        {hypercall::event_channel_op, 15, {}, 1},
        {hypercall::grant_table_op, 13, {0, 0, 1}, 1},
        {hypercall::vcpu_op, 16, {}, 2},
        {hypercall::vcpu_op, 16, {0, 1}, 2},
    };
    for_all_patterns([&](std::uint64_t pattern) {
        for (Shape const& shape : shapes)
            for (unsigned command = 0; command < std::max(shape.commands, 1u); ++command) {
                Arguments arguments = shape.arguments;
                if (shape.commands)
                    arguments[0] = command;
                arguments[shape.position] = pattern;
                bool const downs_vcpu = shape.handler == hypercall::vcpu_op && command == xen::VCPUOP_down;
                if (!downs_vcpu)
                    reaching(pattern, [&] { return run(a, shape.handler, arguments); });
            }
        // A list of vCPUs to flush, in the upper bits of the flags.
        std::uint64_t const flags = (pattern & ~std::uint64_t{xen::UVMF_FLUSHTYPE_MASK}) | xen::UVMF_TLB_FLUSH;
        reaching(pattern, [&] { return run(a, hypercall::update_va_mapping, {40 * page_size, 0, flags}); });
        reaching(pattern, [&] { return extend(a, extended(xen::MMUEXT_INVLPG_MULTI, pattern, pattern)); });
    });
    EXPECT_GT(tries, 1000u);
}

TEST_F(AddressPatterns, InsideArgumentsThatNameLists)
{
    for_all_patterns([&](std::uint64_t pattern) {
        if (pattern == 0)
            return; // "no list"
        xen::xen_memory_reservation reservation{};
        reservation.extent_start.address = pattern;
        reservation.nr_extents = 3;
        reservation.domid = domid_self.value;
        for (unsigned command : {0u + xen::XENMEM_populate_physmap, 0u + xen::XENMEM_increase_reservation,
                                 0u + xen::XENMEM_decrease_reservation})
            EXPECT_LE(reaching(pattern, [&] { return run(a, hypercall::memory_op, {command, address(&reservation)}); }), 0);
        xen::xen_memory_exchange exchange{};
        exchange.in = exchange.out = reservation;
        EXPECT_LE(reaching(pattern, [&] { return run(a, hypercall::memory_op, {xen::XENMEM_exchange, address(&exchange)}); }), 0);
        xen::xen_machphys_mfn_list list{.max_extents = 4, .extent_start = {pattern}, .nr_extents = 0};
        EXPECT_LE(reaching(pattern, [&] { return run(dom0, hypercall::memory_op, {xen::XENMEM_machphys_mfn_list, address(&list)}); }), 0);
        xen::gnttab_setup_table table{.dom = domid_self.value, .nr_frames = 2, .status = 0, .frame_list = {pattern}};
        reaching(pattern, [&] { return run(a, hypercall::grant_table_op, {xen::GNTTABOP_setup_table, address(&table), 1}); });
        EXPECT_NE(table.status, xen::GNTST_okay);
    });
    EXPECT_GT(tries, 100u);
}

} // namespace
} // namespace rf::pvmmu_tests
