// SPDX-License-Identifier: MIT
// vcpu_op: a guest brings its vCPUs up and down, gives them timers and places for what they share with the hypervisor, and
// sends them NMIs. What it may not do changes nothing.
#include "../pvmmu/world.hpp"

#include "cpu/local_apic.hpp"
#include "dev/acpi.hpp"
#include "xen/sched.h"
#include "xen/vcpu.h"

namespace rf::pvmmu_tests {
namespace {

class VcpuOperations : public World {
protected:
    VcpuOperations() { start(a); }
    ~VcpuOperations() override
    {
        for (Guest* guest : {&dom0, &a, &b})
            guest->domain->pause(); // as destroydomain does first
    }
    std::int64_t call(unsigned command, VcpuId vcpu, void const* argument = nullptr) { return call(a, command, vcpu, address(argument)); }
    std::int64_t call(Guest& guest, unsigned command, VcpuId vcpu, std::uint64_t argument)
    {
        return run(guest, hypercall::vcpu_op, {command, vcpu, argument});
    }
    /// vCPU 1 gets its context.
    std::int64_t initialise(std::uint64_t flags = 0)
    {
        context.flags = xen::VGCF_in_kernel | flags;
        context.ctrlreg[3] = xen::xen_pfn_to_cr3(a[0].value);
        return call(xen::VCPUOP_initialise, 1, &context);
    }
    xen::vcpu_guest_context context{};
    static constexpr std::uint64_t nowhere = 0x1000;
};

TEST_F(VcpuOperations, UpAndDown)
{
    EXPECT_EQ(call(xen::VCPUOP_up, 1), error(Errno::einval)) << "it has no context yet";
    ASSERT_EQ(initialise(), 0);
    EXPECT_EQ(call(xen::VCPUOP_is_up, 1), 0);
    EXPECT_EQ(call(xen::VCPUOP_up, 1), 0);
    EXPECT_EQ(call(xen::VCPUOP_is_up, 1), 1);
    EXPECT_EQ(call(xen::VCPUOP_up, 1), 0) << "it is up already";
    a.vcpu(0).initialised.store(true);
    EXPECT_EQ(call(xen::VCPUOP_up, 0), 0);
    EXPECT_EQ(call(xen::VCPUOP_down, 1), 0);
    EXPECT_EQ(call(xen::VCPUOP_is_up, 1), 0);
    EXPECT_EQ(a.domain->shutdown_code.load(), domain::no_shutdown_code);
    EXPECT_EQ(call(xen::VCPUOP_down, 0), 0);
    EXPECT_EQ(a.domain->shutdown_code.load(), 0u + xen::SHUTDOWN_poweroff) << "the last one takes the domain with it";
}

TEST_F(VcpuOperations, OnlineFromTheBeginning)
{
    EXPECT_EQ(initialise(xen::VGCF_online), 0);
    EXPECT_EQ(call(xen::VCPUOP_is_up, 1), 1);
}

TEST_F(VcpuOperations, OfVcpusThatAreNot)
{
    for (unsigned command = 0; command < 20; ++command)
        for (VcpuId vcpu : {2u, 63u, 64u, 8191u, ~0u})
            EXPECT_EQ(call(a, command, vcpu, nowhere), error(Errno::enoent)) << command;
    for (unsigned command : {14u, 15u, 16u, 1000u, ~0u})
        EXPECT_EQ(call(a, command, 0, nowhere), error(Errno::enosys)) << command;
}

TEST_F(VcpuOperations, ArgumentsThatCannotBeRead)
{
    for (unsigned command : {xen::VCPUOP_initialise, xen::VCPUOP_get_runstate_info, xen::VCPUOP_register_runstate_memory_area,
                             xen::VCPUOP_set_periodic_timer, xen::VCPUOP_set_singleshot_timer, xen::VCPUOP_register_vcpu_info,
                             xen::VCPUOP_register_vcpu_time_memory_area})
        EXPECT_EQ(call(a, command, 0, nowhere), error(Errno::efault)) << command;
    EXPECT_FALSE(a.vcpu(0).initialised.load());
}

TEST_F(VcpuOperations, RunstateIsToldAndWritten)
{
    xen::vcpu_runstate_info got{}, area{};
    EXPECT_EQ(call(xen::VCPUOP_get_runstate_info, 1, &got), 0);
    EXPECT_EQ(got.state, 0u + xen::RUNSTATE_offline);
    xen::vcpu_register_runstate_memory_area request{};
    request.addr.p = address(&area);
    area.state = 77;
    EXPECT_EQ(call(xen::VCPUOP_register_runstate_memory_area, 1, &request), 0);
    EXPECT_EQ(area.state, 0u + xen::RUNSTATE_offline);
    a.domain->assists.store(1u << xen::VMASST_TYPE_runstate_update_flag);
    area.state_entry_time = ~0ull;
    EXPECT_EQ(call(xen::VCPUOP_register_runstate_memory_area, 1, &request), 0);
    EXPECT_EQ(area.state_entry_time & xen::XEN_RUNSTATE_UPDATE, 0u) << "the mark is taken away after the update";
    request.addr.p = 0;
    area.state = 77;
    EXPECT_EQ(call(xen::VCPUOP_register_runstate_memory_area, 1, &request), 0);
    EXPECT_EQ(area.state, 77u) << "no area any more";
}

TEST_F(VcpuOperations, TimeAreaIsWrittenAtOnce)
{
    alignas(8) xen::vcpu_time_info area{};
    xen::vcpu_register_time_memory_area request{};
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_time_memory_area, 0, &request), 0) << "none";
    request.addr.p = address(&area);
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_time_memory_area, 0, &request), 0);
    EXPECT_EQ(area.version, 2u);
    EXPECT_NE(area.tsc_to_system_mul, 0u);
}

TEST_F(VcpuOperations, TimersAreTheCallersOwn)
{
    xen::vcpu_set_periodic_timer tick{.period_ns = 999'999};
    EXPECT_EQ(call(xen::VCPUOP_set_periodic_timer, 1, &tick), error(Errno::einval)) << "shorter than a millisecond";
    tick.period_ns = 1'000'000;
    EXPECT_EQ(call(xen::VCPUOP_set_periodic_timer, 1, &tick), 0);
    EXPECT_EQ(call(xen::VCPUOP_stop_periodic_timer, 1), 0);
    xen::vcpu_set_singleshot_timer alarm{.timeout_abs_ns = time::now() + 1'000'000'000, .flags = 0};
    EXPECT_EQ(call(xen::VCPUOP_set_singleshot_timer, 1, &alarm), error(Errno::einval)) << "another vCPU's";
    EXPECT_EQ(call(xen::VCPUOP_set_singleshot_timer, 0, &alarm), 0);
    EXPECT_EQ(a.vcpu(0).time.singleshot_deadline(), alarm.timeout_abs_ns);
    EXPECT_EQ(call(xen::VCPUOP_stop_singleshot_timer, 1), error(Errno::einval));
    EXPECT_EQ(a.vcpu(0).time.singleshot_deadline(), alarm.timeout_abs_ns);
    EXPECT_EQ(call(xen::VCPUOP_stop_singleshot_timer, 0), 0);
    EXPECT_EQ(a.vcpu(0).time.singleshot_deadline(), never);
}

TEST_F(VcpuOperations, VcpuInfoMovesOnceIntoMemoryThatStaysWritable)
{
    xen::vcpu_register_vcpu_info request{.mfn = a[40].value, .offset = page_size - sizeof(xen::vcpu_info) + 8, .rsvd = 0};
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_info, 1, &request), error(Errno::enxio)) << "over the end of its page";
    request.offset = 4;
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_info, 1, &request), error(Errno::enxio)) << "not aligned";
    request.offset = ~0u;
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_info, 1, &request), error(Errno::enxio));
    request.offset = 64;
    for (Mfn other : {a[0], a[3], b[40], Mfn{1ull << 40}, a.domain->shared_info_frame() + 20'000}) {
        request.mfn = other.value;
        EXPECT_EQ(call(xen::VCPUOP_register_vcpu_info, 1, &request), error(Errno::einval)) << "not its ordinary memory";
    }
    request.mfn = a[40].value;
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_info, 1, &request), 0);
    expect_type(a[40], FrameType::writable, 1);
    EXPECT_NE(pin(a, a[40], 1), 0) << "never a page table";
    EXPECT_TRUE(a.vcpu(1).events.upcall_pending()) << "senders may have used the old place";
    request.mfn = a[41].value;
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_info, 1, &request), error(Errno::einval)) << "only once";
    expect_type(a[41], FrameType::none, 0);
}

TEST_F(VcpuOperations, VcpuInfoOfOneThatRunsIsItsOwnAffair)
{
    ASSERT_EQ(initialise(xen::VGCF_online), 0);
    xen::vcpu_register_vcpu_info const request{.mfn = a[40].value, .offset = 0, .rsvd = 0};
    EXPECT_EQ(call(xen::VCPUOP_register_vcpu_info, 1, &request), error(Errno::einval));
    EXPECT_EQ(run(a, hypercall::vcpu_op, {xen::VCPUOP_register_vcpu_info, 1, address(&request)}, 1), 0);
}

TEST_F(VcpuOperations, NmiIsNotedOnce)
{
    EXPECT_EQ(call(a, xen::VCPUOP_send_nmi, 1, 8), error(Errno::einval)) << "takes no argument";
    EXPECT_FALSE(a.vcpu(1).pv.nmi_pending.load());
    EXPECT_EQ(call(xen::VCPUOP_send_nmi, 1), 0);
    EXPECT_TRUE(a.vcpu(1).pv.nmi_pending.load());
    EXPECT_EQ(call(xen::VCPUOP_send_nmi, 1), 0);
}

TEST_F(VcpuOperations, PhysicalIdentityOnlyForDom0AndOnlyWhenBound)
{
    xen::vcpu_get_physid got{};
    EXPECT_EQ(call(xen::VCPUOP_get_physid, 0, &got), error(Errno::einval)) << "a guest is told nothing";
    ASSERT_TRUE(sched::scheduler.set_affinity(dom0.vcpu(), CpuMask::of(0), CpuMask::of(0)));
    ASSERT_EQ(call(dom0, xen::VCPUOP_get_physid, 0, address(&got)), 0);
    EXPECT_EQ(xen::xen_vcpu_physid_to_x86_apicid(got.phys_id), cpu::local_apic::id_of(0));
    EXPECT_EQ(call(dom0, xen::VCPUOP_get_physid, 0, nowhere), error(Errno::efault));
}

} // namespace
} // namespace rf::pvmmu_tests
