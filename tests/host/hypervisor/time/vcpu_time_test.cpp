// SPDX-License-Identifier: MIT
// Story: a vCPU's tick runs at 100 Hz only while the vCPU runs, one missed tick is made up for when it runs again; one-shot
// timers follow it from CPU to CPU; the runstate area is written only while the kernel's address space is loaded (a write
// through the user's page tables would corrupt a process), and readers of the flag protocol never take half an update.
#include "base/address_map.hpp"
#include "cpu/current.hpp"
#include "cpu/insn.hpp"
#include "time/clock.hpp"
#include "time/vcpu_time.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace rf::time {
namespace {

struct Listener final : VcpuTime::Listener {
    void timer_expired() override { ++ticks; }
    void poll_expired() override { ++polls; }
    int ticks = 0;
    int polls = 0;
};

GuestVirtual address_of(auto& object) { return {reinterpret_cast<std::uint64_t>(&object)}; }

class TimeOfVcpu : public ::testing::Test {
protected:
    TimeOfVcpu()
    {
        cpu::fake_cpu = 0;
        cpu::fake_tsc = 0;
        for (auto& top : cpu::fake_stack_tops)
            top.work = 0;
        init(1'000'000, 0);
        cpu::fake_tsc = second;
    }
    ~TimeOfVcpu() override
    {
        time.reset();
        cpu::fake_cpu = 0;
        cpu::fake_tsc = 0;
    }
    void in(CpuId cpu, LoadedSpace space = LoadedSpace::kernel)
    {
        cpu::fake_cpu = cpu;
        runstate.change(xen::RUNSTATE_running, now());
        time.scheduled_in(runstate, space, protocol);
    }
    void out(LoadedSpace space = LoadedSpace::kernel, xen::runstate state = xen::RUNSTATE_blocked)
    {
        runstate.change(state, now());
        time.scheduled_out(runstate, space, protocol);
    }
    void pass(Nanoseconds duration)
    {
        Nanoseconds const end = now() + duration;
        while (true) {
            Nanoseconds const next = earliest_deadline(cpu::fake_cpu);
            cpu::fake_tsc += std::min(end, std::max(next, now())) - now();
            if (next > end)
                return;
            run_due();
        }
    }

    Listener listener;
    VcpuTime time{listener};
    Runstate runstate;
    RunstateProtocol protocol = RunstateProtocol::plain;
};

TEST_F(TimeOfVcpu, DefaultTickIsOneHundredHertzWhileRunning)
{
    in(0);
    listener.ticks = 0;
    pass(second);
    EXPECT_EQ(listener.ticks, 100);
    out();
    EXPECT_EQ(earliest_deadline(0), never);
    pass(second);
    EXPECT_EQ(listener.ticks, 100) << "a tick woke a sleeping vCPU";
    in(0);
    EXPECT_EQ(listener.ticks, 101) << "the missed tick";
    time.stop_periodic();
    pass(second);
    EXPECT_EQ(listener.ticks, 101);
}

TEST_F(TimeOfVcpu, PeriodIsCheckedAndObeyed)
{
    EXPECT_EQ(time.set_periodic(shortest_tick - 1).error(), Errno::einval);
    EXPECT_EQ(time.set_periodic(~0ull).error(), Errno::einval);
    in(0);
    listener.ticks = 0;
    ASSERT_TRUE(time.set_periodic(4 * millisecond));
    pass(second);
    EXPECT_EQ(listener.ticks, 250);
}

TEST_F(TimeOfVcpu, TickKeepsItsPhaseWhenItIsLate)
{
    time.stop_periodic();
    in(0);
    ASSERT_TRUE(time.set_periodic(10 * millisecond));
    Nanoseconds const start = now();
    listener.ticks = 0;
    cpu::fake_tsc += 27 * millisecond;
    run_due();
    EXPECT_EQ(listener.ticks, 1);
    EXPECT_EQ(earliest_deadline(0), start + 30 * millisecond);
}

TEST_F(TimeOfVcpu, OneShotTimersFollowTheVcpu)
{
    time.stop_periodic();
    in(0);
    time.set_singleshot(now() + 50 * millisecond);
    time.set_poll_timeout(now() + 60 * millisecond);
    out();
    in(3);
    EXPECT_EQ(earliest_deadline(0), never);
    pass(55 * millisecond);
    EXPECT_EQ(listener.ticks, 1);
    EXPECT_EQ(listener.polls, 0);
    pass(10 * millisecond);
    EXPECT_EQ(listener.polls, 1);
}

TEST_F(TimeOfVcpu, OneShotFiresForASleepingVcpuAndAtOnceForThePast)
{
    time.stop_periodic();
    in(0);
    time.set_singleshot(now() + millisecond);
    out();
    pass(2 * millisecond);
    EXPECT_EQ(listener.ticks, 1);
    time.set_singleshot(1);
    EXPECT_TRUE(cpu::stack_top().work.load() & static_cast<std::uint32_t>(cpu::Work::timer));
    run_due();
    EXPECT_EQ(listener.ticks, 2);
    time.set_singleshot(now() + millisecond);
    time.stop_singleshot();
    pass(2 * millisecond);
    EXPECT_EQ(listener.ticks, 2);
}

TEST_F(TimeOfVcpu, PublishesTheTimeBeforeAnythingElse)
{
    xen::vcpu_info info{};
    time.publish(info);
    EXPECT_NE(info.time.tsc_to_system_mul, 0u);
    EXPECT_EQ(info.time.version % 2, 0u);
    EXPECT_GT(info.time.version, 0u);
}

TEST_F(TimeOfVcpu, SecondTimePageIsWrittenOrRefused)
{
    xen::vcpu_time_info page{};
    EXPECT_TRUE(VcpuTime::write_time_area(address_of(page)));
    EXPECT_EQ(page.version, 2u);
    EXPECT_EQ(page.tsc_to_system_mul, time_page().tsc_to_system_mul);
    EXPECT_EQ(VcpuTime::write_time_area({address_map::hypervisor_start}).error(), Errno::efault);
}

TEST_F(TimeOfVcpu, RunstateAreaIsWrittenAtOnceAndAtEverySwitch)
{
    xen::vcpu_runstate_info area{};
    in(0);
    ASSERT_TRUE(time.register_runstate_area(address_of(area), runstate, protocol));
    EXPECT_EQ(area.state, xen::RUNSTATE_running);
    EXPECT_EQ(area.state_entry_time, second);
    cpu::fake_tsc += 30 * millisecond;
    out();
    EXPECT_EQ(area.state, xen::RUNSTATE_blocked);
    EXPECT_EQ(area.time[xen::RUNSTATE_running], 30 * millisecond);
    cpu::fake_tsc += 5 * millisecond;
    in(0);
    EXPECT_EQ(area.time[xen::RUNSTATE_blocked], 5 * millisecond);
    EXPECT_EQ(area.time[xen::RUNSTATE_offline], second);
    ASSERT_TRUE(time.register_runstate_area({0}, runstate, protocol));
    out();
    EXPECT_EQ(area.state, xen::RUNSTATE_running) << "an unregistered area was written";
}

TEST_F(TimeOfVcpu, RefusedRunstateAreaChangesNothing)
{
    xen::vcpu_runstate_info area{};
    in(0);
    ASSERT_TRUE(time.register_runstate_area(address_of(area), runstate, protocol));
    EXPECT_EQ(time.register_runstate_area({address_map::hypervisor_start}, runstate, protocol).error(), Errno::efault);
    out();
    EXPECT_EQ(area.state, xen::RUNSTATE_blocked);
}

TEST_F(TimeOfVcpu, RunstateAreaWaitsForTheKernelsAddressSpace)
{
    xen::vcpu_runstate_info area{};
    in(0);
    ASSERT_TRUE(time.register_runstate_area(address_of(area), runstate, protocol));
    EXPECT_FALSE(time.needs_kernel_space());
    xen::vcpu_runstate_info const before = area;
    cpu::fake_tsc += millisecond;
    out(LoadedSpace::user);
    cpu::fake_tsc += millisecond;
    in(0, LoadedSpace::user);
    EXPECT_TRUE(time.needs_kernel_space());
    EXPECT_EQ(memcmp(&area, &before, sizeof area), 0) << "written through the user's address space";
    time.kernel_space_loaded(runstate, protocol);
    EXPECT_FALSE(time.needs_kernel_space());
    EXPECT_EQ(area.state_entry_time, now());
    EXPECT_EQ(area.time[xen::RUNSTATE_blocked], millisecond);
}

TEST_F(TimeOfVcpu, FlagProtocolEndsWithoutTheFlag)
{
    protocol = RunstateProtocol::update_flag;
    xen::vcpu_runstate_info area{};
    in(0);
    ASSERT_TRUE(time.register_runstate_area(address_of(area), runstate, protocol));
    EXPECT_EQ(area.state_entry_time, second);
    cpu::fake_tsc += millisecond;
    out();
    EXPECT_EQ(area.state_entry_time, second + millisecond);
    EXPECT_EQ(area.time[xen::RUNSTATE_running], millisecond);
}

TEST_F(TimeOfVcpu, AccountSnapshotsAreConsistent)
{
    Runstate account;
    std::atomic<bool> stop{false};
    std::thread reader([&] {
        while (!stop) {
            auto const info = account.at_last_change();
            // All time up to the last change is in some state's account.
            ASSERT_EQ(info.time[0] + info.time[1] + info.time[2] + info.time[3], info.state_entry_time);
        }
    });
    for (Nanoseconds t = 1; t < 300'000; ++t)
        account.change(static_cast<xen::runstate>(t % 4), t);
    stop = true;
    reader.join();
    account.change(xen::RUNSTATE_running, 5); // a clock that went back adds nothing
    EXPECT_EQ(account.at(400'000).time[xen::RUNSTATE_running] - account.at_last_change().time[xen::RUNSTATE_running],
              400'000u - 299'999);
}

} // namespace
} // namespace rf::time
