// SPDX-License-Identifier: MIT
// Story: timers fire once, in order, never early, on the CPU that holds them, whatever mixture of arming, cancelling and
// moving came before; the hardware is always programmed early enough; one run is bounded; a destroyed owner is never called
// back. The queue is compared step by step with a plain list.
#include "cpu/current.hpp"
#include "cpu/insn.hpp"
#include "time/clock.hpp"
#include "time/timer.hpp"
#include "time/watchdogs.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace rf::time {
namespace {

std::array<Nanoseconds, max_cpus> programmed;

class TimeTimer : public ::testing::Test {
protected:
    TimeTimer()
    {
        cpu::fake_cpu = 0;
        cpu::fake_tsc = 0;
        for (auto& top : cpu::fake_stack_tops)
            top.work = 0;
        init(1'000'000, 0); // one tick is one nanosecond
        programmed.fill(never);
        set_deadline_hook([](Nanoseconds deadline) { programmed[cpu::current_id()] = deadline; });
    }
    ~TimeTimer() override
    {
        set_deadline_hook(nullptr);
        for (CpuId cpu = 0; cpu < 4; ++cpu) {
            EXPECT_EQ(earliest_deadline(cpu), never) << "a test left a timer behind";
            run_on(cpu);
        }
        cpu::fake_cpu = 0;
        cpu::fake_tsc = 0;
    }
    static void run_on(CpuId cpu)
    {
        cpu::fake_cpu = cpu;
        cpu::stack_top().work.fetch_and(~static_cast<std::uint32_t>(cpu::Work::timer));
        run_due();
    }
    static bool asked(CpuId cpu)
    {
        return cpu::fake_stack_tops[cpu].work.load() & static_cast<std::uint32_t>(cpu::Work::timer);
    }
};

struct Counter {
    Timer timer{[](void* self) { static_cast<Counter*>(self)->fired(); }, this};
    int count = 0;
    CpuId cpu = ~0u;
    Nanoseconds at = 0;
    void fired()
    {
        ++count;
        cpu = cpu::current_id();
        at = now();
    }
    ~Counter() { timer.cancel_and_wait(); }
};

TEST_F(TimeTimer, FiresOnceAtItsDeadline)
{
    Counter counter;
    counter.timer.arm(1000);
    EXPECT_EQ(programmed[0], 1000u);
    cpu::fake_tsc = 999;
    run_on(0);
    EXPECT_EQ(counter.count, 0);
    EXPECT_EQ(programmed[0], 1000u);
    cpu::fake_tsc = 1000;
    run_on(0);
    EXPECT_EQ(counter.count, 1);
    EXPECT_FALSE(counter.timer.armed());
    EXPECT_EQ(programmed[0], never);
    run_on(0);
    EXPECT_EQ(counter.count, 1);
}

TEST_F(TimeTimer, PastDeadlineAsksForWorkAtOnce)
{
    cpu::fake_tsc = 5000;
    Counter counter;
    counter.timer.arm(1);
    EXPECT_TRUE(asked(0));
    run_on(0);
    EXPECT_EQ(counter.count, 1);
}

TEST_F(TimeTimer, RemoteCpuIsAskedAndRunsTheCallback)
{
    Counter counter;
    counter.timer.arm_on(2, 500);
    EXPECT_TRUE(asked(2));
    EXPECT_EQ(programmed[2], never);
    run_on(2);
    EXPECT_EQ(programmed[2], 500u);
    cpu::fake_tsc = 600;
    run_on(2);
    EXPECT_EQ(counter.cpu, 2u);
}

TEST_F(TimeTimer, MoveTakesTheDeadlineAlong)
{
    Counter counter;
    counter.timer.move_to(1);
    EXPECT_FALSE(counter.timer.armed());
    counter.timer.arm(700);
    cpu::fake_cpu = 1;
    counter.timer.move_to(1);
    EXPECT_EQ(programmed[1], 700u);
    EXPECT_EQ(earliest_deadline(0), never);
    cpu::fake_tsc = 700;
    run_on(0);
    EXPECT_EQ(counter.count, 0);
    run_on(1);
    EXPECT_EQ(counter.count, 1);
    EXPECT_EQ(counter.cpu, 1u);
}

TEST_F(TimeTimer, OneRunIsBounded)
{
    std::vector<std::unique_ptr<Counter>> counters;
    for (unsigned i = 0; i < 3 * timers_per_run; ++i) {
        counters.push_back(std::make_unique<Counter>());
        counters.back()->timer.arm(100 + i);
    }
    cpu::fake_tsc = 10'000;
    auto const fired = [&] { return std::ranges::count(counters, 1, [](auto& counter) { return counter->count; }); };
    for (unsigned run = 1; run <= 3; ++run) {
        run_on(0);
        EXPECT_EQ(fired(), run * timers_per_run);
        EXPECT_EQ(programmed[0] == never, run == 3);
        EXPECT_GT(programmed[0], now());
    }
}

TEST_F(TimeTimer, CallbackMayRearmAndCancel)
{
    struct Periodic {
        Timer timer{[](void* self) {
                        auto* const periodic = static_cast<Periodic*>(self);
                        periodic->victim->timer.cancel();
                        if (++periodic->count < 5)
                            periodic->timer.arm(now() + 10);
                    },
                    this};
        Counter* victim = nullptr;
        int count = 0;
    } periodic;
    Counter victim;
    periodic.victim = &victim;
    periodic.timer.arm(10);
    victim.timer.arm(11);
    for (cpu::fake_tsc = 0; cpu::fake_tsc < 100; ++cpu::fake_tsc)
        run_on(0);
    EXPECT_EQ(periodic.count, 5);
    EXPECT_EQ(victim.count, 0);
}

TEST_F(TimeTimer, BehavesLikeASortedList)
{
    constexpr std::size_t timers = 200;
    std::vector<std::unique_ptr<Counter>> counters;
    for (std::size_t i = 0; i < timers; ++i)
        counters.push_back(std::make_unique<Counter>());
    struct Model {
        Nanoseconds deadline = never;
        CpuId cpu = 0;
        int count = 0;
    };
    std::vector<Model> model(timers);
    std::mt19937_64 random(3);
    for (int step = 0; step < 60'000; ++step) {
        std::size_t const index = random() % timers;
        CpuId const cpu = random() % 4;
        cpu::fake_cpu = cpu;
        Timer& timer = counters[index]->timer;
        switch (random() % 6) {
        case 0:
        case 1:
            model[index].deadline = now() + random() % 3000;
            model[index].cpu = cpu;
            timer.arm(model[index].deadline);
            break;
        case 2: {
            CpuId const other = random() % 4;
            model[index].deadline = now() + random() % 3000;
            model[index].cpu = other;
            timer.arm_on(other, model[index].deadline);
            break;
        }
        case 3:
            timer.cancel();
            model[index].deadline = never;
            break;
        case 4:
            timer.move_to(cpu);
            if (model[index].deadline != never)
                model[index].cpu = cpu;
            break;
        default:
            cpu::fake_tsc += random() % 300;
            run_on(cpu);
            for (Model& entry : model)
                if (entry.cpu == cpu && entry.deadline <= now()) {
                    entry.deadline = never;
                    ++entry.count;
                }
        }
        for (CpuId i = 0; i < 4; ++i) {
            Nanoseconds earliest = never;
            for (Model const& entry : model)
                if (entry.cpu == i)
                    earliest = std::min(earliest, entry.deadline);
            ASSERT_EQ(earliest_deadline(i), earliest);
            ASSERT_TRUE(asked(i) || programmed[i] <= earliest) << "the hardware would be late";
        }
    }
    for (std::size_t i = 0; i < timers; ++i) {
        EXPECT_EQ(counters[i]->count, model[i].count);
        EXPECT_EQ(counters[i]->timer.deadline(), model[i].deadline);
    }
}

TEST_F(TimeTimer, OwnersCanBeDestroyedWhileTheirCallbacksRun)
{
    struct Owner {
        explicit Owner(std::atomic<int>& entered, std::atomic<bool>& gone) : entered(entered), gone(gone) {}
        Timer timer{[](void* self) {
                        auto* const owner = static_cast<Owner*>(self);
                        std::atomic<bool> const& gone = owner->gone;
                        ++owner->entered;
                        std::this_thread::sleep_for(std::chrono::milliseconds(1));
                        EXPECT_FALSE(gone) << "the owner went away under its callback";
                        if (!gone && owner->again-- > 0)
                            owner->timer.arm(0);
                    },
                    this};
        std::atomic<int>& entered;
        std::atomic<bool>& gone; // outlives the owner
        int again = 1;
        ~Owner()
        {
            timer.cancel_and_wait();
            EXPECT_FALSE(timer.armed());
            gone = true;
        }
    };
    constexpr int rounds = 50;
    std::array<std::atomic<bool>, rounds> gone{};
    std::atomic<bool> stop{false};
    std::atomic<int> entered{0};
    std::thread runner([&] {
        cpu::fake_cpu = 1;
        while (!stop)
            run_due();
    });
    for (int i = 0; i < rounds; ++i) {
        int const before = entered;
        Owner owner(entered, gone[i]);
        owner.timer.arm_on(1, 0);
        while (entered == before)
            std::this_thread::yield();
    }
    stop = true;
    runner.join();
}

TEST_F(TimeTimer, WatchdogsFireUnlessTheyAreSetAgain)
{
    int barks = 0;
    auto const bark = [](void* count) { ++*static_cast<int*>(count); };
    Watchdogs dogs;
    EXPECT_EQ(dogs.set(0, 0, bark, &barks).error(), Errno::einval);
    EXPECT_EQ(dogs.set(1, 5, bark, &barks).error(), Errno::einval);
    EXPECT_EQ(dogs.set(0, 2, bark, &barks), 1u);
    EXPECT_EQ(dogs.set(0, 3, bark, &barks), 2u);
    EXPECT_EQ(dogs.set(0, 3, bark, &barks).error(), Errno::enospc);
    EXPECT_EQ(dogs.set(3, 3, bark, &barks).error(), Errno::einval);
    cpu::fake_tsc = 1 * second;
    EXPECT_EQ(dogs.set(1, 2, bark, &barks), 0u);
    cpu::fake_tsc = 2 * second;
    run_on(0);
    EXPECT_EQ(barks, 0);
    cpu::fake_tsc = 3 * second;
    run_on(0);
    EXPECT_EQ(barks, 2);
    EXPECT_EQ(dogs.set(2, 0, bark, &barks), 0u);
    EXPECT_EQ(dogs.set(2, 1, bark, &barks).error(), Errno::einval);
}

} // namespace
} // namespace rf::time
