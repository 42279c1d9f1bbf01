// SPDX-License-Identifier: MIT
/// Where a unit that wants to run is put, and which CPUs are told.
#include "cpu/current.hpp"
#include "sched/policy.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"

namespace rf::sched {

namespace {
}

/// Puts a unit on a queue if it wants to run and is on none. Called after every change that could make it want to run.
void Scheduler::make_runnable(Unit& unit)
{
    Nanoseconds const now = time::now();
    CpuId target = unit.on_cpu() ? unit.cpu() : best_cpu_for(unit, unit.hard_affinity(), now);
    time::HomeLock const lock{unit.cpu_, target, lock_of};
    if (unit.place() != Place::none || !unit.wants_to_run())
        return;
    if (unit.on_cpu())
        target = lock.home(); // its registers are still there
    unit.woken_ = true;
    enqueue(queues_[target], target, unit, now);
}

CpuId Scheduler::best_cpu_for(Unit const& unit, CpuMask hard, Nanoseconds now) const
{
    CpuMask const possible = hard & online();
    CpuMask const preferred = (possible & unit.soft_affinity()).empty() ? possible : possible & unit.soft_affinity();
    CpuId const last = unit.cpu();
    if (possible.empty())
        return last;
    CpuMask const idle{idle_.load(relaxed)};
    for (CpuMask const choice : {preferred & idle, possible & idle})
        if (!choice.empty())
            return choice.contains(last) ? last : choice.lowest();

    // Nobody is idle: the last CPU if the unit can have it soon, else the CPU whose unit is furthest ahead.
    if (preferred.contains(last) && policy::preempts(unit.virtual_time(), queues_[last].estimate_running(now)))
        return last;
    CpuId const otherwise = preferred.contains(last) ? last : preferred.lowest();
    return furthest_ahead(preferred, unit.virtual_time(), otherwise, now);
}

/// The CPU of the set whose running unit is furthest ahead of `own`, far enough to give way; else `otherwise`.
CpuId Scheduler::furthest_ahead(CpuMask cpus, VirtualTime own, CpuId otherwise, Nanoseconds now) const
{
    VirtualTime furthest = own;
    CpuId best = otherwise;
    cpus.for_each([&](CpuId cpu) {
        VirtualTime const running = queues_[cpu].estimate_running(now);
        if (running != no_virtual_time && policy::worth_moving(furthest, running)) {
            furthest = running;
            best = cpu;
        }
    });
    return best;
}

/// Puts a unit that wants to run, and is on no queue, on this one. Locks of its home and of `queue` held.
void Scheduler::enqueue(RunQueue& queue, CpuId cpu, Unit& unit, Nanoseconds now)
{
    charge(queue, now);
    if (queue.current || !queue.empty())
        unit.virtual_time_.store(policy::after_sleep(unit.virtual_time(), queue.clock, unit.group().weight()), relaxed);
    else
        queue.clock = unit.virtual_time();
    unit.cpu_.store(cpu, release);
    unit.runstate_.change(xen::RUNSTATE_runnable, now);
    if (unit.group().exhausted()) {
        unit.place_.store(Place::parked, ordered);
        begin_periods(unit.group(), now);
        return;
    }
    unit.place_.store(Place::waiting, release);
    queue.insert(unit);
    mark_waiting(cpu, queue);
    draw_attention(queue, cpu, unit, now);
}

/// Tells the CPU of the queue, or others, about a unit that waits there now.
void Scheduler::draw_attention(RunQueue& queue, CpuId cpu, Unit const& unit, Nanoseconds now)
{
    if (!queue.current) {
        idle_.fetch_and(~CpuMask::of(cpu).bits(), ordered);
        ask_to_choose(cpu);
        if (queue.waiting() > 1 && !unit.on_cpu())
            offer(cpu, unit, now);
        return;
    }
    Unit const& running = *queue.current;
    bool const goes_first = preempts(unit, running);
    if (goes_first || !queue.slice.armed() || turn_end(queue, now) < queue.slice.deadline())
        ask_to_choose(cpu);
    bool const runs_at_once = goes_first && now - running.dispatched_ >= rate_limit();
    if (!runs_at_once && !unit.on_cpu())
        offer(cpu, unit, now);
}

/// Looks for a CPU other than `home` that should take the waiting unit: an idle one, else one whose unit is far ahead.
void Scheduler::offer(CpuId home, Unit const& unit, Nanoseconds now)
{
    CpuMask const possible = (unit.hard_affinity() & online()) - CpuMask::of(home);
    for (;;) {
        CpuMask const idle = possible & CpuMask{idle_.load(ordered)};
        if (idle.empty())
            break;
        CpuMask const preferred = idle & unit.soft_affinity();
        CpuId const taker = preferred.empty() ? idle.lowest() : preferred.lowest();
        std::uint64_t const bit = CpuMask::of(taker).bits();
        if (idle_.fetch_and(~bit, ordered) & bit) {
            ask_to_choose(taker);
            return;
        }
    }
    CpuId const taker = furthest_ahead(possible & unit.soft_affinity(), unit.virtual_time(), home, now);
    if (taker != home)
        ask_to_choose(taker);
}

void Scheduler::ask_to_choose(CpuId cpu)
{
    if (!queues_[cpu].asked.exchange(true, ordered))
        cpu::raise_on(cpu, cpu::Work::schedule);
}

void Scheduler::mark_waiting(CpuId cpu, RunQueue const& queue)
{
    std::uint64_t const bit = CpuMask::of(cpu).bits();
    bool const marked = waiting_.load(relaxed) & bit;
    if (marked && queue.empty())
        waiting_.fetch_and(~bit, ordered);
    else if (!marked && !queue.empty())
        waiting_.fetch_or(bit, ordered);
}

void Scheduler::context_saved(Unit& unit)
{
    Nanoseconds const now = time::now();
    for (;;) {
        CpuId const home = unit.cpu(); // a unit whose registers are on a CPU is not moved
        CpuId const target = unit.may_run_on(home) ? home : best_cpu_for(unit, unit.hard_affinity(), now);
        RunQueue& queue = queues_[home];
        LockPair const locks{queue.lock, queues_[target].lock};
        bool const must_move = unit.place() == Place::waiting && !unit.may_run_on(home);
        if (must_move && !unit.may_run_on(target))
            continue; // the affinity changed meanwhile
        // The last use of a unit that does not wait: it may be destroyed once this lock is free.
        unit.on_cpu_.store(false, release);
        if (must_move) {
            queue.remove(unit);
            mark_waiting(home, queue);
            enqueue(queues_[target], target, unit, now);
        } else if (unit.place() == Place::waiting) {
            offer(home, unit, now);
        }
        return;
    }
}

/// Takes a unit that no longer wants to run off its queue, or has its CPU give it up.
void Scheduler::withdraw(Unit& unit)
{
    time::HomeLock const lock{unit.cpu_, lock_of};
    RunQueue& queue = queues_[lock.home()];
    if (unit.wants_to_run())
        return;
    switch (unit.place()) {
    case Place::running:
        ask_to_choose(lock.home());
        return;
    case Place::waiting:
        queue.remove(unit);
        mark_waiting(lock.home(), queue);
        break;
    case Place::parked:
    case Place::none:
        break;
    }
    unit.place_.store(Place::none, release);
    if (unit.runstate_.state() != unit.resting_state())
        unit.runstate_.change(unit.resting_state(), time::now());
}

Status Scheduler::change_affinity(Unit& unit, CpuMask hard, CpuMask soft)
{
    Nanoseconds const now = time::now();
    CpuId const target = best_cpu_for(unit, hard, now);
    time::HomeLock const lock{unit.cpu_, target, lock_of};
    CpuId const home = lock.home();
    unit.hard_.store(hard.bits(), release);
    unit.soft_.store(soft.bits(), release);
    bool const waits = unit.place() == Place::waiting && !unit.on_cpu(); // else context_saved() looks after it
    if (unit.place() == Place::running && !hard.contains(home)) {
        ask_to_choose(home);
    } else if (waits && hard.contains(home)) {
        offer(home, unit, now);
    } else if (waits) {
        queues_[home].remove(unit);
        mark_waiting(home, queues_[home]);
        enqueue(queues_[target], target, unit, now);
    }
    return {};
}

} // namespace rf::sched
