// SPDX-License-Identifier: MIT
// Settings of domains, the memory that toolstacks look at and devices that are given away, at their limits: what is
// refused leaves everything as it was.
#include "world.hpp"

#include "fake_state.hpp"

namespace rf::hypercall_tests {
namespace {

using Settings = World;

TEST_F(Settings, NamesAndTime)
{
    auto op = request(xen::XEN_DOMCTL_setdomainhandle);
    for (unsigned i = 0; i < 16; ++i)
        op.u.setdomainhandle.handle[i] = static_cast<std::uint8_t>(i + 1);
    EXPECT_EQ(control_domain(op), 0);
    for (unsigned i = 0; i < 16; ++i)
        EXPECT_EQ(guest->handle[i], i + 1);

    std::uint64_t const before = std::uint64_t{guest->shared_info()->wc_sec_hi} << 32 | guest->shared_info()->wc_sec;
    op = request(xen::XEN_DOMCTL_settimeoffset);
    op.u.settimeoffset.time_offset_seconds = 3600;
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(guest->time_offset_seconds, 3600);
    std::uint64_t const after = std::uint64_t{guest->shared_info()->wc_sec_hi} << 32 | guest->shared_info()->wc_sec;
    EXPECT_NEAR(static_cast<double>(after - before), 3600, 5) << "published at once";

    op = request(xen::XEN_DOMCTL_setdebugging);
    op.u.setdebugging.enable = 1;
    EXPECT_EQ(control_domain(op), 0);
    auto info = request(xen::XEN_DOMCTL_getdomaininfo);
    EXPECT_EQ(control_domain(info), 0);
    EXPECT_TRUE(info.u.getdomaininfo.flags & xen::XEN_DOMINF_debugged);
    op.domain = domain_zero.value;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "not oneself";
}

TEST_F(Settings, OneNodeOneSizeOneListener)
{
    std::uint64_t nodes = 3;
    auto op = request(xen::XEN_DOMCTL_setnodeaffinity);
    op.u.nodeaffinity.nodemap = {{address(&nodes)}, 64};
    EXPECT_EQ(control_domain(op), 0);
    nodes = 2;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "there is node 0 only";
    op.cmd = xen::XEN_DOMCTL_getnodeaffinity;
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(nodes, 1u);
    op.u.nodeaffinity.nodemap.bitmap.address = 0x1000;
    EXPECT_EQ(control_domain(op), to_guest(Errno::efault));
    op.cmd = xen::XEN_DOMCTL_setnodeaffinity;
    EXPECT_EQ(control_domain(op), to_guest(Errno::efault));

    op = request(xen::XEN_DOMCTL_set_address_size);
    op.u.address_size.size = 64;
    EXPECT_EQ(control_domain(op), 0);

    op = request(xen::XEN_DOMCTL_set_virq_handler);
    op.u.set_virq_handler.virq = 0;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "the timer is not global";
    op.u.set_virq_handler.virq = 3;
    EXPECT_EQ(control_domain(op), to_guest(Errno::eopnotsupp));
    op.domain = domain_zero.value;
    EXPECT_EQ(control_domain(op), 0);

    op = request(xen::XEN_DOMCTL_scheduler_op);
    op.u.scheduler_op.sched_id = xen::XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = xen::XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    std::uint32_t const weight = guest->group.weight();
    op.u.scheduler_op.cmd = xen::XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2 = {.weight = 0, .cap = 25};
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(guest->group.weight(), weight) << "0 keeps it";
    EXPECT_EQ(guest->group.cap(), 25u);
}

TEST_F(Settings, DeviceMemoryAndInterruptsAreGivenByOwnersOnly)
{
    ASSERT_TRUE(control->own_rights().value()->device_frames.add(0xfe000, 0xfe0ff));
    ASSERT_TRUE(control->own_rights().value()->interrupts.add(10, 11));
    auto op = request(xen::XEN_DOMCTL_iomem_permission);
    auto const memory_right = [&](std::uint64_t first, std::uint64_t count, std::uint8_t allow) {
        op.u.iomem_permission = {.first_mfn = first, .nr_mfns = count, .allow_access = allow};
        return control_domain(op);
    };
    EXPECT_EQ(memory_right(0xfe000, 16, 1), 0);
    EXPECT_TRUE(guest->rights().device_frames.contains(0xfe000, 0xfe00f));
    EXPECT_EQ(memory_right(0xfe0f0, 17, 1), to_guest(Errno::eperm)) << "one frame too many";
    EXPECT_EQ(memory_right(0xfe000, 0, 1), 0);
    EXPECT_EQ(memory_right(0xfe000, 8, 0), 0);
    EXPECT_FALSE(guest->rights().device_frames.contains(0xfe007, 0xfe007));
    EXPECT_TRUE(guest->rights().device_frames.contains(0xfe008, 0xfe00f));
    constexpr std::uint64_t limit = 1ull << (36 - 12);
    EXPECT_EQ(memory_right(limit, 1, 1), to_guest(Errno::einval));
    EXPECT_EQ(memory_right(limit - 1, 2, 1), to_guest(Errno::einval));
    EXPECT_EQ(memory_right(1, ~0ull, 1), to_guest(Errno::einval)) << "the sum overflows";

    op = request(xen::XEN_DOMCTL_irq_permission);
    auto const interrupt_right = [&](std::uint32_t pirq, std::uint8_t allow) {
        op.u.irq_permission = {.pirq = pirq, .allow_access = allow, .pad = {}};
        return control_domain(op);
    };
    EXPECT_EQ(interrupt_right(10, 1), 0);
    EXPECT_TRUE(guest->rights().interrupts.contains(10, 10));
    EXPECT_EQ(interrupt_right(12, 1), to_guest(Errno::eperm));
    EXPECT_EQ(interrupt_right(1024, 1), to_guest(Errno::einval));
    EXPECT_EQ(interrupt_right(10, 0), 0);
    EXPECT_FALSE(guest->rights().interrupts.contains(10, 10));
    EXPECT_EQ(guest->controller_pauses.load(), 0);
    op = request(xen::XEN_DOMCTL_ioport_permission);
    op.u.ioport_permission = {.first_port = 0x80, .nr_ports = 0, .allow_access = 1};
    EXPECT_EQ(control_domain(op), 0) << "nothing is nobody's";
}

TEST_F(Settings, ShadowsAndTheHypercallPage)
{
    auto op = request(xen::XEN_DOMCTL_shadow_op);
    for (std::uint32_t absent : {1u, 30u, 31u, 32u}) {
        op.u.shadow_op.op = absent;
        EXPECT_EQ(control_domain(op), to_guest(Errno::eopnotsupp)) << absent;
    }
    op.u.shadow_op.op = 77;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    op.u.shadow_op.op = xen::XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
    EXPECT_EQ(control_domain(op), 0);
    op.u.shadow_op = {};
    op.u.shadow_op.op = xen::XEN_DOMCTL_SHADOW_OP_PEEK;
    op.u.shadow_op.pages = (1ull << 40) + 1;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));

    Mfn const page = guest->memory.allocate(0).value();
    std::memset(direct(page), 0, page_size);
    op = request(xen::XEN_DOMCTL_hypercall_init);
    op.u.hypercall_init.gmfn = page.value;
    EXPECT_EQ(control_domain(op), 0);
    // mov $17, %eax: the entry of hypercall 17 says its number.
    auto const* entry = reinterpret_cast<std::uint8_t const*>(direct(page)) + 17 * 32;
    EXPECT_NE(std::find(entry, entry + 32, std::uint8_t{17}), entry + 32);
    EXPECT_EQ(mm::frames[page].load().type_count(), 0u) << "given back";
    op.u.hypercall_init.gmfn = control->shared_info_frame().value;
    EXPECT_EQ(control_domain(op), to_guest(Errno::eacces)) << "not the guest's";
}

TEST_F(Settings, GuestFramesAtTheEdges)
{
    xen::xen_mem_acquire_resource ask{};
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, reinterpret_cast<void*>(0x1000)), to_guest(Errno::efault));
    ask.domid = guest_id.value;
    ask.pad = 1;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), to_guest(Errno::einval));
    ask.pad = 0;
    ask.type = xen::XENMEM_resource_grant_table;
    ask.nr_frames = 1;
    ask.frame_list.address = 0x1000;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), to_guest(Errno::efault));
    ask.frame = 1ull << 32;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), to_guest(Errno::einval));
}

TEST_F(Settings, ACrashNotesItselfAndTheGuestMayBeRevived)
{
    guest->crash("a test");
    EXPECT_TRUE(guest->is_shut_down.load());
    EXPECT_EQ(guest->shutdown_code.load(), 3u);
    guest->shutdown(0);
    EXPECT_EQ(guest->shutdown_code.load(), 3u) << "the first reason stays";
    guest->resume();
    EXPECT_FALSE(guest->is_shut_down.load());
    guest->resume();
    // With a running vCPU its registers and stack are told.
    std::array<std::uint64_t, 64> stack{};
    stack[5] = 0xffffffff81234567;
    cpu::stack_top().current = guest->vcpu(0);
    cpu::stack_top().guest.rsp = address(stack.data());
    guest->crash("with registers");
    cpu::stack_top().guest.rsp = 0x1000;
    guest->resume();
    guest->crash("whose stack faults");
    cpu::stack_top().guest = {};
    cpu::stack_top().current = nullptr;
    EXPECT_EQ(guest->shutdown_code.load(), 3u);
    EXPECT_EQ(guest->runstate_protocol(), time::RunstateProtocol::plain);
    guest->assists.store(1ull << 5);
    EXPECT_EQ(guest->runstate_protocol(), time::RunstateProtocol::update_flag);
}

} // namespace
} // namespace rf::hypercall_tests
