// SPDX-License-Identifier: MIT
// Story: a cap limits all units of a domain together, in percent of one CPU, even on an idle machine, and ends when it is
// lifted; affinity is never violated, not even for a moment; pinning returns to the old affinity. The simulation itself
// checks that no unit starts on a forbidden CPU or on two CPUs.
#include "simulation.hpp"

namespace rf::sched::test {
namespace {

TEST(SchedulerCap, LimitsAUnitOnAnIdleMachine)
{
    for (std::uint32_t cap : {5u, 20u, 50u, 100u}) {
        Machine machine(2);
        SimUnit& unit = machine.add(machine.group(default_weight, cap));
        machine.run(10 * second);
        double const expected = 10.0 * second * cap / 100;
        EXPECT_NEAR(static_cast<double>(unit.computed), expected, expected * 0.03) << "cap " << cap;
    }
}

TEST(SchedulerCap, IsSharedByTheUnitsOfAGroup)
{
    Machine machine(4);
    Group& group = machine.group(default_weight, 150);
    std::vector<SimUnit*> units;
    for (int i = 0; i < 4; ++i)
        units.push_back(&machine.add(group));
    SimUnit& free = machine.hog();
    machine.run(10 * second);
    double sum = 0;
    for (SimUnit* unit : units)
        sum += static_cast<double>(unit->computed);
    EXPECT_NEAR(sum, 15.0 * second, 0.5 * second);
    EXPECT_GE(free.computed, 6 * second); // never less than while all four run at once, 7.5 ms of each 20
}

TEST(SchedulerCap, LeavesTimeToOthersAndEnds)
{
    Machine machine(1);
    Group& group = machine.group(default_weight * 4, 10);
    SimUnit& capped = machine.add(group);
    SimUnit& hog = machine.hog();
    machine.run(10 * second);
    EXPECT_NEAR(static_cast<double>(capped.computed), 1.0 * second, 0.03 * second);
    EXPECT_NEAR(static_cast<double>(hog.computed), 9.0 * second, 0.03 * second);
    ASSERT_TRUE(scheduler.set_parameters(group, default_weight, 0));
    machine.run(second / 10);
    machine.start_measuring();
    machine.run(10 * second);
    EXPECT_NEAR(static_cast<double>(capped.computed), 5.0 * second, 0.1 * second);
}

TEST(SchedulerCap, CanBeSetOnARunningUnitWithoutTicks)
{
    Machine machine(1);
    Group& group = machine.group();
    SimUnit& unit = machine.add(group);
    machine.run(second);
    ASSERT_TRUE(scheduler.set_parameters(group, default_weight, 25));
    machine.settle();
    machine.start_measuring();
    machine.run(10 * second);
    EXPECT_NEAR(static_cast<double>(unit.computed), 2.5 * second, 0.05 * second);
}

TEST(SchedulerCap, ParametersAreChecked)
{
    Machine machine(1);
    Group& group = machine.group();
    EXPECT_EQ(scheduler.set_parameters(group, 0, 0).error(), Errno::einval);
    EXPECT_EQ(scheduler.set_parameters(group, 65536, 0).error(), Errno::einval);
    EXPECT_EQ(scheduler.set_parameters(group, 1, 100 * max_cpus + 1).error(), Errno::einval);
    EXPECT_EQ(scheduler.set_rate_limit(99'999).error(), Errno::einval);
    EXPECT_TRUE(scheduler.set_rate_limit(0));
    EXPECT_EQ(group.weight(), default_weight);
}

TEST(SchedulerAffinity, RunningAndWaitingUnitsMoveAtOnce)
{
    Machine machine(3);
    std::vector<SimUnit*> units;
    for (int i = 0; i < 6; ++i)
        units.push_back(&machine.hog());
    machine.run(100 * millisecond);
    for (SimUnit* unit : units)
        ASSERT_TRUE(scheduler.set_affinity(*unit, CpuMask::of(2), CpuMask{~0ull}));
    machine.settle();
    EXPECT_EQ(machine.running(0), nullptr);
    EXPECT_EQ(machine.running(1), nullptr);
    EXPECT_NE(machine.running(2), nullptr);
    machine.start_measuring();
    machine.run(6 * second);
    for (SimUnit* unit : units) {
        EXPECT_EQ(unit->ran_on, CpuMask::of(2));
        EXPECT_NEAR(static_cast<double>(unit->computed), 1.0 * second, 0.03 * second);
    }
}

TEST(SchedulerAffinity, PinnedUnitsShareTheirCpuAndOthersUseTheRest)
{
    Machine machine(2);
    SimUnit& pinned_a = machine.hog();
    SimUnit& pinned_b = machine.hog();
    ASSERT_TRUE(scheduler.set_affinity(pinned_a, CpuMask::of(0), CpuMask{~0ull}));
    ASSERT_TRUE(scheduler.set_affinity(pinned_b, CpuMask::of(0), CpuMask{~0ull}));
    SimUnit& floating = machine.hog();
    machine.run(second);
    machine.start_measuring();
    machine.run(10 * second);
    EXPECT_GE(floating.computed, 9 * second);
    EXPECT_NEAR(static_cast<double>(pinned_a.computed), static_cast<double>(pinned_b.computed), 0.2 * second);
}

TEST(SchedulerAffinity, SoftAffinityIsPreferredButYieldsToIdleCpus)
{
    Machine machine(2);
    SimUnit& a = machine.hog();
    ASSERT_TRUE(scheduler.set_affinity(a, CpuMask::first(2), CpuMask::of(1)));
    machine.run(millisecond);
    SimUnit& b = machine.hog();
    ASSERT_TRUE(scheduler.set_affinity(b, CpuMask::first(2), CpuMask::of(1)));
    machine.run(5 * second);
    EXPECT_NEAR(static_cast<double>(a.computed), 5.0 * second, 0.1 * second);
    EXPECT_NEAR(static_cast<double>(b.computed), 5.0 * second, 0.1 * second);
}

TEST(SchedulerAffinity, PinOverridesAndReturns)
{
    Machine machine(2);
    SimUnit& unit = machine.hog();
    ASSERT_TRUE(scheduler.set_affinity(unit, CpuMask::of(0), CpuMask{~0ull}));
    EXPECT_EQ(scheduler.unpin(unit).error(), Errno::einval);
    EXPECT_EQ(scheduler.pin(unit, 7).error(), Errno::einval);
    ASSERT_TRUE(scheduler.pin(unit, 1));
    EXPECT_EQ(scheduler.pin(unit, 1).error(), Errno::ebusy);
    machine.settle();
    EXPECT_EQ(machine.running(1), &unit);
    ASSERT_TRUE(scheduler.unpin(unit));
    machine.settle();
    EXPECT_EQ(machine.running(0), &unit);
    EXPECT_EQ(scheduler.set_affinity(unit, CpuMask::of(5), CpuMask{~0ull}).error(), Errno::einval);
}

} // namespace
} // namespace rf::sched::test
