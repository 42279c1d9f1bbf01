// SPDX-License-Identifier: MIT
// Story: a unit that mostly sleeps gets a CPU soon after it is woken, however many others compute all the time; a unit that
// sleeps briefly to look like one gets no more than its share. Failing rules would show as long waits or as a stolen share.
#include "simulation.hpp"

namespace rf::sched::test {
namespace {

TEST(SchedulerLatency, WokenUnitPassesThirtyTwoHogs)
{
    Machine machine(1);
    for (int i = 0; i < 32; ++i)
        machine.hog();
    SimUnit& sleeper = machine.add(machine.group(), millisecond / 5, 17 * millisecond);
    machine.run(second);
    machine.start_measuring();
    machine.run(20 * second);
    EXPECT_LE(sleeper.worst_latency, scheduler.rate_limit());
    EXPECT_GE(sleeper.computed, 20 * second / (20 * millisecond) * millisecond / 5);
}

TEST(SchedulerLatency, WokenUnitInterruptsALongTurn)
{
    Machine machine(1);
    machine.hog();
    machine.hog(); // turns of 10 to 15 ms
    SimUnit& sleeper = machine.add(machine.group(), millisecond / 5, 17 * millisecond);
    machine.run(second);
    machine.start_measuring();
    machine.run(20 * second);
    EXPECT_LE(sleeper.worst_latency, scheduler.rate_limit());
}

TEST(SchedulerLatency, WhoeverSleepsMoreThanItsShareNeverWaitsForATurnsEnd)
{
    for (int hogs = 1; hogs <= 4; ++hogs)
        for (Nanoseconds const sleep : {3 * millisecond, 7 * millisecond, 10 * millisecond, 40 * millisecond})
            for (Nanoseconds const work : {millisecond / 20, millisecond / 2}) {
                Machine machine(1);
                for (int i = 0; i < hogs; ++i)
                    machine.hog();
                SimUnit& sleeper = machine.add(machine.group(), work, sleep);
                machine.run(second);
                machine.start_measuring();
                machine.run(5 * second);
                // At worst the advantage that interrupts has to grow first.
                EXPECT_LE(sleeper.worst_latency, 2 * scheduler.rate_limit())
                    << hogs << " hogs, " << sleep / 1000 << " us of sleep, " << work / 1000 << " us of work";
            }
}

TEST(SchedulerLatency, FrequentWakeUpsDoNotCutTurnsBelowTheRateLimit)
{
    Machine machine(1);
    machine.hog();
    machine.add(machine.group(), 50'000, 100'000);
    machine.run(10 * second);
    EXPECT_LE(machine.switches, 2 * 10 * second / scheduler.rate_limit());
    EXPECT_GE(machine.switches, 10 * second / scheduler.rate_limit());
}

TEST(SchedulerLatency, SeveralSleepersOnSeveralCpus)
{
    Machine machine(4);
    for (int i = 0; i < 32; ++i)
        machine.hog();
    std::vector<SimUnit*> sleepers;
    for (int i = 0; i < 8; ++i)
        sleepers.push_back(&machine.add(machine.group(), millisecond / 4, (11 + i) * millisecond));
    machine.run(second);
    machine.start_measuring();
    machine.run(20 * second);
    for (SimUnit* sleeper : sleepers)
        EXPECT_LE(sleeper->worst_latency, 5 * millisecond);
}

TEST(SchedulerLatency, ShortSleepsDoNotStealTime)
{
    Machine machine(1);
    SimUnit& hog = machine.hog();
    SimUnit& cheat = machine.add(machine.group(), 9 * millisecond, millisecond / 10);
    machine.run(30 * second);
    double const share = static_cast<double>(cheat.computed) / static_cast<double>(cheat.computed + hog.computed);
    EXPECT_LE(share, 0.51);
    EXPECT_GE(share, 0.40);
}

TEST(SchedulerLatency, NobodyStarvesBehindMigratedUnits)
{
    // Alone on its CPU a unit collects a lot of virtual time; when it must share another CPU it waits a bounded while.
    Machine machine(2);
    SimUnit& traveller = machine.hog();
    ASSERT_TRUE(scheduler.set_affinity(traveller, CpuMask::of(1), CpuMask::of(1)));
    std::vector<SimUnit*> crowd;
    for (int i = 0; i < 3; ++i) {
        crowd.push_back(&machine.hog());
        ASSERT_TRUE(scheduler.set_affinity(*crowd.back(), CpuMask::of(0), CpuMask::of(0)));
    }
    machine.run(60 * second);
    ASSERT_TRUE(scheduler.set_affinity(traveller, CpuMask::of(0), CpuMask::of(0)));
    machine.settle();
    machine.start_measuring();
    machine.run(2 * second);
    EXPECT_GE(traveller.computed, 450 * millisecond);
    for (SimUnit* unit : crowd)
        EXPECT_GE(unit->computed, 450 * millisecond);
}

TEST(SchedulerLatency, YieldLetsOthersGoFirst)
{
    Machine machine(1);
    SimUnit& a = machine.hog();
    SimUnit& b = machine.hog();
    machine.run(second + 3 * millisecond); // in the middle of a turn
    SimUnit* const runs = machine.running(0);
    ASSERT_NE(runs, nullptr);
    scheduler.yield(*runs);
    machine.settle();
    EXPECT_EQ(machine.running(0), runs == &a ? &b : &a);
}

} // namespace
} // namespace rf::sched::test
