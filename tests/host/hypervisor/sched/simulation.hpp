// SPDX-License-Identifier: MIT
#pragma once
/// A machine of fake CPUs under one fake clock, driven event by event: between events every running unit computes.
/// It plays what entry::leave does (timers, choose, context_saved) and what guests do (run, block, be woken).

#include "cpu/current.hpp"
#include "cpu/insn.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "time/timer.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

namespace rf::sched::test {

using time::millisecond;
using time::second;

/// A vCPU of the simulation: computes for ever, or in bursts with sleeps in between.
class SimUnit final : public Unit {
public:
    SimUnit(Group& group, Nanoseconds burst, Nanoseconds sleep) : Unit(group), burst(burst), sleep(sleep), left(burst) {}

    Nanoseconds burst; ///< never: computes for ever
    Nanoseconds sleep;
    Nanoseconds left;
    Nanoseconds computed = 0;
    Nanoseconds wakes_at = never;
    Nanoseconds woken_at = never;
    Nanoseconds worst_latency = 0;
    CpuMask ran_on;
};

class Machine {
public:
    explicit Machine(unsigned cpus) : cpus_(cpus), running_(cpus, nullptr)
    {
        for (auto& top : cpu::fake_stack_tops)
            top.work = 0;
        scheduler.~Scheduler();
        new (&scheduler) Scheduler();
        time::init(1'000'000, 0); // one tick is one nanosecond
        for (CpuId cpu = 0; cpu < cpus; ++cpu) {
            cpu::fake_cpu = cpu;
            time::run_due();
            scheduler.start_cpu(cpu, time::now());
        }
        settle();
    }
    ~Machine()
    {
        for (auto& unit : units_) {
            scheduler.pause(*unit);
            settle();
            scheduler.remove(*unit);
        }
    }

    Group& group(std::uint32_t weight = default_weight, std::uint32_t cap = 0)
    {
        groups_.push_back(std::make_unique<Group>());
        EXPECT_TRUE(scheduler.set_parameters(*groups_.back(), weight, cap));
        return *groups_.back();
    }
    SimUnit& add(Group& group, Nanoseconds burst = never, Nanoseconds sleep = 0)
    {
        units_.push_back(std::make_unique<SimUnit>(group, burst, sleep));
        SimUnit& unit = *units_.back();
        EXPECT_TRUE(scheduler.add(unit));
        scheduler.bring_up(unit);
        settle();
        return unit;
    }
    SimUnit& hog(std::uint32_t weight = default_weight) { return add(group(weight)); }

    /// Lets `duration` pass.
    void run(Nanoseconds duration)
    {
        Nanoseconds const end = time::now() + duration;
        settle();
        while (time::now() < end) {
            advance(std::min(end, next_event()));
            guests_act();
            settle();
            check_work_conservation();
        }
    }
    /// Does all pending work of all CPUs.
    void settle()
    {
        for (bool busy = true; busy;) {
            busy = false;
            for (CpuId cpu = 0; cpu < cpus_; ++cpu)
                busy |= do_work(cpu);
        }
    }
    [[nodiscard]] SimUnit* running(CpuId cpu) const { return running_[cpu]; }
    /// Forgets what was computed and measured so far.
    void start_measuring()
    {
        for (auto& unit : units_) {
            unit->computed = unit->worst_latency = 0;
            unit->ran_on = {};
        }
        switches = 0;
    }

    bool expects_work_conservation = true;
    std::uint64_t switches = 0;
    std::uint64_t events = 0;

private:
    bool do_work(CpuId cpu)
    {
        cpu::fake_cpu = cpu;
        std::uint32_t const work = cpu::stack_top().work.exchange(0);
        if (work & static_cast<std::uint32_t>(cpu::Work::timer))
            time::run_due();
        if (work & static_cast<std::uint32_t>(cpu::Work::schedule)) {
            auto* const next = static_cast<SimUnit*>(scheduler.choose(cpu, time::now()));
            SimUnit* const previous = std::exchange(running_[cpu], next);
            if (next != previous) {
                ++switches;
                if (previous)
                    scheduler.context_saved(*previous);
                if (next)
                    note_start(*next, cpu);
            }
        }
        return work != 0;
    }
    void note_start(SimUnit& unit, CpuId cpu)
    {
        EXPECT_TRUE(unit.hard_affinity().contains(cpu));
        EXPECT_EQ(std::ranges::count(running_, &unit), 1) << "one unit on two CPUs";
        unit.ran_on.add(cpu);
        if (unit.woken_at != never)
            unit.worst_latency = std::max(unit.worst_latency, time::now() - std::exchange(unit.woken_at, never));
    }
    [[nodiscard]] Nanoseconds next_event() const
    {
        Nanoseconds next = never;
        for (CpuId cpu = 0; cpu < cpus_; ++cpu) {
            next = std::min(next, time::earliest_deadline(cpu));
            if (SimUnit* unit = running_[cpu]; unit && unit->burst != never)
                next = std::min(next, time::now() + unit->left);
        }
        for (auto& unit : units_)
            next = std::min(next, unit->wakes_at);
        return next;
    }
    void advance(Nanoseconds to)
    {
        ++events;
        Nanoseconds const step = to - time::now();
        for (SimUnit* unit : running_)
            if (unit) {
                unit->computed += step;
                if (unit->burst != never)
                    unit->left -= step;
            }
        cpu::fake_tsc += step; // one tick is one nanosecond
        for (CpuId cpu = 0; cpu < cpus_; ++cpu)
            if (time::earliest_deadline(cpu) <= time::now())
                cpu::raise_on(cpu, cpu::Work::timer);
    }
    void guests_act()
    {
        for (CpuId cpu = 0; cpu < cpus_; ++cpu)
            if (SimUnit* unit = running_[cpu]; unit && unit->burst != never && unit->left == 0) {
                cpu::fake_cpu = cpu;
                unit->left = unit->burst;
                unit->wakes_at = time::now() + unit->sleep;
                scheduler.block(*unit);
            }
        for (auto& unit : units_)
            if (unit->wakes_at <= time::now()) {
                unit->wakes_at = never;
                unit->woken_at = time::now();
                cpu::fake_cpu = 0;
                scheduler.wake(*unit);
            }
    }
    void check_work_conservation()
    {
        if (!expects_work_conservation)
            return;
        for (CpuId cpu = 0; cpu < cpus_; ++cpu)
            for (auto& unit : units_)
                ASSERT_FALSE(!running_[cpu] && unit->place() == Place::waiting && !unit->group().exhausted() &&
                             unit->hard_affinity().contains(cpu))
                    << "CPU " << cpu << " is idle while a unit waits that may run there";
    }

    unsigned cpus_;
    std::vector<SimUnit*> running_;
    std::vector<std::unique_ptr<Group>> groups_;
    std::vector<std::unique_ptr<SimUnit>> units_;
};

} // namespace rf::sched::test
