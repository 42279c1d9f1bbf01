// SPDX-License-Identifier: MIT
// Story: a unit runs exactly while it is up, unblocked and unpaused; a wake-up at any moment around a block is never lost;
// every nanosecond of its life is accounted to one runstate. Wrong transitions would leave a unit asleep or lose time.
#include "simulation.hpp"

#include <random>
#include <thread>

namespace rf::sched::test {
namespace {

TEST(SchedulerStates, PausesCount)
{
    Machine machine(1);
    SimUnit& unit = machine.hog();
    scheduler.pause(unit);
    scheduler.pause(unit);
    machine.settle();
    EXPECT_EQ(machine.running(0), nullptr);
    EXPECT_FALSE(unit.on_cpu());
    scheduler.unpause(unit);
    machine.settle();
    EXPECT_EQ(machine.running(0), nullptr);
    scheduler.unpause(unit);
    machine.settle();
    EXPECT_EQ(machine.running(0), &unit);
}

TEST(SchedulerStates, WakeBetweenBlockAndChoiceKeepsTheUnitRunning)
{
    Machine machine(1);
    SimUnit& unit = machine.hog();
    cpu::fake_cpu = 0;
    scheduler.block(unit);
    scheduler.wake(unit);
    machine.settle();
    EXPECT_EQ(machine.running(0), &unit);
}

TEST(SchedulerStates, WakeBeforeTheRegistersAreSavedStaysOnItsCpu)
{
    Machine machine(2);
    SimUnit& unit = machine.hog();
    CpuId const home = unit.cpu();
    cpu::fake_cpu = home;
    scheduler.block(unit);
    ASSERT_EQ(scheduler.choose(home, time::now()), nullptr);
    scheduler.wake(unit); // another CPU is idle, but must not take the unit yet
    cpu::fake_cpu = 1 - home;
    EXPECT_EQ(scheduler.choose(1 - home, time::now()), nullptr);
    EXPECT_EQ(unit.cpu(), home);
    scheduler.context_saved(unit);
    cpu::fake_cpu = home;
    EXPECT_EQ(scheduler.choose(home, time::now()), &unit);
    machine.settle();
}

TEST(SchedulerStates, WakeOfADownOrPausedUnitDoesNotRunIt)
{
    Machine machine(1);
    SimUnit& unit = machine.hog();
    cpu::fake_cpu = 0;
    scheduler.block(unit);
    scheduler.take_down(unit);
    machine.settle();
    scheduler.wake(unit);
    machine.settle();
    EXPECT_EQ(machine.running(0), nullptr);
    scheduler.bring_up(unit);
    machine.settle();
    EXPECT_EQ(machine.running(0), &unit);
}

TEST(SchedulerStates, RunstatesAddUpToTheWholeTime)
{
    Machine machine(2);
    Nanoseconds const start = time::now();
    SimUnit& busy = machine.add(machine.group(), 3 * millisecond, 7 * millisecond);
    for (int i = 0; i < 5; ++i)
        machine.hog();
    machine.run(10 * second);
    auto const info = busy.runstate().at(time::now());
    std::uint64_t const sum = info.time[0] + info.time[1] + info.time[2] + info.time[3];
    EXPECT_EQ(sum, time::now());
    EXPECT_EQ(info.time[xen::RUNSTATE_offline], start);
    EXPECT_EQ(info.time[xen::RUNSTATE_running], busy.computed);
    EXPECT_GT(info.time[xen::RUNSTATE_blocked], 0u);
    EXPECT_GT(info.time[xen::RUNSTATE_runnable], 0u);
}

TEST(SchedulerStates, IdleTimeIsCounted)
{
    Machine machine(2);
    SimUnit& unit = machine.add(machine.group(), 2 * millisecond, 8 * millisecond);
    Nanoseconds const before = scheduler.idle_time(0, time::now()) + scheduler.idle_time(1, time::now());
    Nanoseconds const computed = unit.computed;
    machine.run(10 * second);
    Nanoseconds const idle = scheduler.idle_time(0, time::now()) + scheduler.idle_time(1, time::now()) - before;
    EXPECT_EQ(idle, 20 * second - (unit.computed - computed));
}

TEST(SchedulerStates, RandomLifeKeepsTheInvariants)
{
    Machine machine(4);
    std::mt19937_64 random(7);
    std::vector<SimUnit*> units;
    for (int i = 0; i < 12; ++i)
        units.push_back(&machine.add(machine.group(64 << (i % 4), i % 5 == 0 ? 40 : 0), i % 2 ? never : (1 + i) * millisecond,
                                     (1 + i) * millisecond));
    std::vector<int> pauses(units.size());
    for (int step = 0; step < 20000; ++step) {
        std::size_t const index = random() % units.size();
        SimUnit& unit = *units[index];
        cpu::fake_cpu = random() % 4;
        switch (random() % 5) {
        case 0:
            scheduler.pause(unit);
            ++pauses[index];
            break;
        case 1:
            if (pauses[index] > 0) {
                --pauses[index];
                scheduler.unpause(unit);
            }
            break;
        case 2: {
            std::uint64_t const hard = random() % 15 + 1;
            ASSERT_TRUE(scheduler.set_affinity(unit, CpuMask{hard}, CpuMask{random() % 16}));
            break;
        }
        case 3:
            if (SimUnit* running = machine.running(cpu::fake_cpu))
                scheduler.yield(*running);
            break;
        default:
            break;
        }
        machine.run(random() % (3 * millisecond));
        if (HasFatalFailure())
            return;
    }
    for (std::size_t index = 0; index < units.size(); ++index)
        for (; pauses[index] > 0; --pauses[index])
            scheduler.unpause(*units[index]);
    for (SimUnit* unit : units)
        ASSERT_TRUE(scheduler.set_affinity(*unit, CpuMask::first(4), CpuMask::first(4)));
    machine.start_measuring();
    machine.run(5 * second);
    for (SimUnit* unit : units)
        EXPECT_GT(unit->computed, 100 * millisecond);
}

/// Real threads: each plays a CPU; guests block for a message and are woken by other CPUs' messages, as event channels do.
TEST(SchedulerStates, NoWakeUpIsLostBetweenThreads)
{
    constexpr unsigned cpus = 4;
    constexpr std::uint64_t rounds = 200000;
    Machine machine(cpus);
    Group group;
    struct Player final : Unit {
        explicit Player(Group& group) : Unit(group) {}
        Atomic<std::uint64_t> messages{0};
        std::uint64_t seen = 0;
    };
    std::vector<std::unique_ptr<Player>> players;
    for (unsigned i = 0; i < 6; ++i) {
        players.push_back(std::make_unique<Player>(group));
        ASSERT_TRUE(scheduler.add(*players.back()));
        scheduler.bring_up(*players.back());
    }
    Atomic<std::uint64_t> delivered{0};
    Atomic<bool> stop{false};
    std::vector<Atomic<int>> on(players.size());

    auto const play = [&](Player& player, std::size_t index) {
        EXPECT_EQ(on[index].fetch_add(1), 0) << "a unit runs on two CPUs";
        if (player.messages.load() != player.seen) {
            ++player.seen;
            delivered.fetch_add(1);
            Player& next = *players[(index + 1 + player.seen % 4) % players.size()];
            next.messages.fetch_add(1);
            scheduler.wake(next);
        }
        if (player.messages.load() == player.seen) {
            scheduler.block(player);
            if (player.messages.load() != player.seen)
                scheduler.wake(player);
        }
        on[index].fetch_sub(1);
    };
    auto const processor = [&](CpuId cpu) {
        cpu::fake_cpu = cpu;
        Unit* current = nullptr;
        while (!stop.load()) {
            std::uint32_t const work = cpu::stack_top().work.exchange(0);
            if (work & static_cast<std::uint32_t>(cpu::Work::timer))
                time::run_due();
            if (work & static_cast<std::uint32_t>(cpu::Work::schedule)) {
                Unit* const next = scheduler.choose(cpu, time::now());
                if (next != current && current)
                    scheduler.context_saved(*current);
                current = next;
            }
            std::atomic_ref(cpu::fake_tsc).fetch_add(500);
            if (time::earliest_deadline(cpu) <= time::now())
                cpu::raise(cpu::Work::timer);
            if (!current) {
                std::this_thread::yield();
                continue;
            }
            std::size_t index = 0;
            while (players[index].get() != current)
                ++index;
            play(*players[index], index);
        }
        if (current) {
            current = nullptr;
        }
    };
    for (int i = 0; i < 3; ++i) {
        players[i]->messages.fetch_add(1);
        scheduler.wake(*players[i]);
    }
    std::vector<std::thread> threads;
    for (CpuId cpu = 0; cpu < cpus; ++cpu)
        threads.emplace_back(processor, cpu);
    std::uint64_t last = 0;
    bool stuck = false;
    for (int waited = 0; delivered.load() < rounds && !stuck; ++waited) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (waited % 500 == 499) {
            stuck = delivered.load() == last;
            last = delivered.load();
        }
    }
    stop.store(true);
    for (auto& thread : threads)
        thread.join();
    EXPECT_FALSE(stuck) << "all units sleep although messages are under way";
    EXPECT_GE(delivered.load(), rounds);
    for (auto& player : players) {
        scheduler.pause(*player);
        for (CpuId cpu = 0; cpu < cpus; ++cpu) {
            cpu::fake_cpu = cpu;
            Unit* const next = scheduler.choose(cpu, time::now());
            for (auto& other : players)
                if (other.get() != next && other->on_cpu() && other->cpu() == cpu)
                    scheduler.context_saved(*other);
        }
    }
    for (auto& player : players)
        scheduler.remove(*player);
}

} // namespace
} // namespace rf::sched::test
