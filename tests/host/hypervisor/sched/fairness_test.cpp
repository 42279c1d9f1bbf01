// SPDX-License-Identifier: MIT
// Story: units that always want to run get CPU time in proportion to their weights, on one CPU and on several, whatever
// the number of units; no CPU is idle while a unit waits that may run there. If the rules failed, some unit's share would
// be off by more than two percent, or the simulation would catch an idle CPU.
#include "simulation.hpp"

namespace rf::sched::test {
namespace {

void expect_share(SimUnit const& unit, double expected, double tolerance = 0.02)
{
    EXPECT_NEAR(static_cast<double>(unit.computed), expected, expected * tolerance);
}

TEST(SchedulerFairness, WeightsDivideOneCpu)
{
    Machine machine(1);
    SimUnit& light = machine.hog(128);
    SimUnit& normal = machine.hog(256);
    SimUnit& heavy = machine.hog(512);
    machine.run(20 * second);
    double const total = 20.0 * second;
    expect_share(light, total / 7);
    expect_share(normal, total * 2 / 7);
    expect_share(heavy, total * 4 / 7);
}

TEST(SchedulerFairness, ExtremeWeightsKeepTheirRatio)
{
    Machine machine(1);
    SimUnit& light = machine.hog(16);
    SimUnit& heavy = machine.hog(16 * 256);
    machine.run(200 * second);
    expect_share(light, 200.0 * second / 257);
    expect_share(heavy, 200.0 * second * 256 / 257);
}

TEST(SchedulerFairness, UnevenNumberOfEqualUnitsShareSeveralCpus)
{
    for (auto [cpus, units] : {std::pair{2, 3}, {3, 4}, {4, 7}, {4, 13}, {8, 9}}) {
        Machine machine(cpus);
        std::vector<SimUnit*> hogs;
        for (int i = 0; i < units; ++i)
            hogs.push_back(&machine.hog());
        machine.run(second);
        machine.start_measuring();
        machine.run(30 * second);
        for (SimUnit* hog : hogs)
            expect_share(*hog, 30.0 * second * cpus / units);
    }
}

TEST(SchedulerFairness, WeightsHoldAcrossCpus)
{
    Machine machine(4);
    std::vector<SimUnit*> light, heavy;
    for (int i = 0; i < 6; ++i) {
        light.push_back(&machine.hog(256));
        heavy.push_back(&machine.hog(512));
    }
    machine.run(second);
    machine.start_measuring();
    machine.run(60 * second);
    double const unit_of_weight = 60.0 * second * 4 / (6 * 256 + 6 * 512);
    for (SimUnit* unit : light)
        expect_share(*unit, unit_of_weight * 256);
    for (SimUnit* unit : heavy)
        expect_share(*unit, unit_of_weight * 512);
}

TEST(SchedulerFairness, UnitThatCannotUseItsShareLeavesTheRestToOthers)
{
    // The heavy one is entitled to more than one CPU, but it is a single unit.
    Machine machine(2);
    SimUnit& heavy = machine.hog(2000);
    SimUnit& a = machine.hog(256);
    SimUnit& b = machine.hog(256);
    machine.run(10 * second);
    expect_share(heavy, 10.0 * second);
    expect_share(a, 5.0 * second);
    expect_share(b, 5.0 * second);
}

TEST(SchedulerFairness, SleeperClaimsNothingForTheTimeItSlept)
{
    Machine machine(1);
    SimUnit& hog = machine.hog();
    SimUnit& sleeper = machine.add(machine.group(), never);
    scheduler.pause(sleeper);
    machine.run(10 * second);
    machine.start_measuring();
    scheduler.unpause(sleeper);
    machine.run(10 * second);
    expect_share(hog, 5.0 * second);
    expect_share(sleeper, 5.0 * second);
}

TEST(SchedulerFairness, LoneUnitRunsWithoutTicks)
{
    Machine machine(2);
    machine.hog();
    machine.hog();
    machine.run(millisecond);
    std::uint64_t const events = machine.events;
    machine.run(10 * second);
    EXPECT_LE(machine.events - events, 4u) << "timers fire although nobody waits";
}

TEST(SchedulerFairness, TurnsAreNotShorterThanTheRateLimit)
{
    Machine machine(1);
    for (int i = 0; i < 3; ++i)
        machine.hog();
    machine.run(10 * second);
    EXPECT_LE(machine.switches, 10 * second / (10 * millisecond) * 11 / 10);
    EXPECT_GE(machine.switches, 10 * second / (30 * millisecond));
}

} // namespace
} // namespace rf::sched::test
