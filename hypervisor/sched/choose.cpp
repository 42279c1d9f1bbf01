// SPDX-License-Identifier: MIT
/// The choice of the next unit on one CPU.
#include "cpu/current.hpp"
#include "sched/policy.hpp"
#include "sched/scheduler.hpp"

#include <algorithm>

namespace rf::sched {

namespace {
}

Unit* Scheduler::choose(CpuId cpu, Nanoseconds now)
{
    RunQueue& queue = queues_[cpu];
    LockGuard const guard{queue.lock};
    queue.asked.store(false, ordered);
    charge(queue, now);

    // Read once: a wake() that comes later finds the unit stopped, and puts it back itself.
    Unit* const previous = queue.current;
    bool const wants = previous && previous->wants_to_run();
    bool const may_stay = wants && previous->may_run_on(cpu) && !previous->group().exhausted();

    Unit* const next = pick(queue, cpu, may_stay, now);
    if (next != previous) {
        if (previous)
            stop_current(queue, wants, now);
        if (next)
            start(queue, cpu, *next, now);
        else if (previous)
            go_idle(queue, now);
    }
    if (next)
        idle_.fetch_and(~CpuMask::of(cpu).bits(), ordered);
    arm_slice(queue, now);
    mark_waiting(cpu, queue);
    return next;
}

/// Accounts the running unit's service up to `now`.
void Scheduler::charge(RunQueue& queue, Nanoseconds now)
{
    Unit* const unit = queue.current;
    if (!unit)
        return;
    Nanoseconds const ran = now > unit->charged_until_ ? now - unit->charged_until_ : 0;
    Group& group = unit->group();
    std::uint32_t const weight = group.weight();
    unit->virtual_time_.store(unit->virtual_time() + policy::service(ran, weight), relaxed);
    unit->charged_until_ += ran;
    if (group.cap() != 0)
        group.budget_.fetch_sub(static_cast<std::int64_t>(ran), relaxed);
    queue.running.store(unit->virtual_time(), relaxed);
    queue.running_since.store(unit->charged_until_, relaxed);
    queue.running_weight.store(weight, relaxed);
    queue.advance_clock();
}

Unit* Scheduler::pick(RunQueue& queue, CpuId cpu, bool previous_may_stay, Nanoseconds now)
{
    Unit* const previous = queue.current;
    bool const yields = previous && previous->yields_.exchange(false, relaxed);
    Unit* choice = best_local(queue, cpu);
    if (previous_may_stay && (!choice || (!yields && keeps_cpu(queue, *choice, now))))
        choice = previous;

    std::uint64_t const self = CpuMask::of(cpu).bits();
    if (!choice) {
        // Announce first, look afterwards: whoever makes a unit wait does it the other way round.
        idle_.fetch_or(self, ordered);
        return take_from_others(queue, cpu, no_virtual_time, true);
    }
    bool const young = choice == previous && !yields && now - previous->dispatched_ < rate_limit();
    if (young || !(waiting_.load(ordered) & ~self))
        return choice;
    Unit* const worse_off = take_from_others(queue, cpu, choice->virtual_time(), false);
    if (!worse_off)
        return choice;
    if (choice != previous)
        offer(cpu, *choice, now); // it was to run here, and waits on
    return worse_off;
}

/// The best unit of this queue whose group has budget; units without are parked on the way.
Unit* Scheduler::best_local(RunQueue& queue, CpuId cpu)
{
    for (;;) {
        Unit* const unit = queue.best_for(cpu);
        if (!unit || !unit->group().exhausted())
            return unit;
        queue.remove(*unit);
        unit->place_.store(Place::parked, release);
    }
}

/// Is `rival` so far behind that it need not wait for the turn's end? One that woke is compared with what the running unit has
/// had by now, one that has waited since a turn of its own with what that had when its turn began.
bool Scheduler::preempts(Unit const& rival, Unit const& running)
{
    return policy::preempts(rival.virtual_time(), rival.woken_ ? running.virtual_time() : running.turn_start_);
}

/// Does the running unit go on although `rival` waits here?
bool Scheduler::keeps_cpu(RunQueue const& queue, Unit const& rival, Nanoseconds now) const
{
    Unit const& running = *queue.current;
    Nanoseconds const ran = now - running.dispatched_;
    if (ran < rate_limit())
        return true;
    if (ran >= policy::turn(queue.waiting()))
        return running.virtual_time() < rival.virtual_time();
    return !preempts(rival, running);
}

/// When the running unit is to give way to the first that waits, if it runs on until then; its service is charged up to now.
Nanoseconds Scheduler::turn_end(RunQueue const& queue, Nanoseconds now) const
{
    Unit const& running = *queue.current;
    Unit const& rival = *queue.first();
    Nanoseconds const end = running.dispatched_ + std::max(policy::turn(queue.waiting()), rate_limit());
    Nanoseconds sooner = end;
    if (preempts(rival, running))
        sooner = now;
    else if (rival.woken_) // the running unit's time goes on, and with it the distance
        sooner = now + policy::until_preempts(rival.virtual_time(), running.virtual_time(), running.group().weight());
    return std::min(end, std::max(sooner, running.dispatched_ + rate_limit()));
}

/// Takes the worst-off unit below `limit` that waits at another CPU. Queues whose lock is busy are passed over; an idle
/// CPU then asks itself to look again.
Unit* Scheduler::take_from_others(RunQueue& queue, CpuId cpu, VirtualTime limit, bool idle)
{
    CpuMask candidates = CpuMask{waiting_.load(ordered)} - CpuMask::of(cpu);
    bool contended = false;
    while (!candidates.empty()) {
        CpuId victim = candidates.lowest();
        candidates.for_each([&](CpuId other) {
            if (queues_[other].head.load(relaxed) < queues_[victim].head.load(relaxed))
                victim = other;
        });
        candidates.remove(victim);
        RunQueue& other = queues_[victim];
        VirtualTime const head = other.head.load(ordered);
        if (head == no_virtual_time || (!idle && !policy::worth_moving(head, limit)))
            break;
        if (!other.lock.try_lock()) {
            contended = true;
            continue;
        }
        Unit* const unit = other.best_to_take(cpu, limit, idle);
        bool const take = unit && (idle || policy::worth_moving(unit->virtual_time(), limit));
        if (take) {
            other.remove(*unit);
            mark_waiting(victim, other);
            if (!idle)
                unit->virtual_time_.store(
                    policy::after_move(unit->virtual_time(), queue.clock, unit->group().weight()), relaxed);
            // The queue holds the unit until start(), as if it had waited here all the time.
            unit->cpu_.store(cpu, release);
            queue.insert(*unit);
        }
        other.lock.unlock();
        if (take)
            return unit;
    }
    if (contended && idle)
        ask_to_choose(cpu);
    return nullptr;
}

/// The running unit leaves its CPU; its registers are still there.
void Scheduler::stop_current(RunQueue& queue, bool wants_to_run, Nanoseconds now)
{
    Unit& unit = *queue.current;
    queue.current = nullptr;
    queue.running.store(no_virtual_time, relaxed);
    if (!wants_to_run) {
        unit.place_.store(Place::none, release);
        unit.runstate_.change(unit.resting_state(), now);
        return;
    }
    unit.runstate_.change(xen::RUNSTATE_runnable, now);
    if (unit.group().exhausted()) {
        unit.place_.store(Place::parked, release);
        return;
    }
    unit.place_.store(Place::waiting, release);
    queue.insert(unit);
}

void Scheduler::start(RunQueue& queue, CpuId cpu, Unit& unit, Nanoseconds now)
{
    if (Nanoseconds const since = queue.idle_since.exchange(never, relaxed); since != never)
        queue.idle_time.fetch_add(now > since ? now - since : 0, relaxed);
    queue.remove(unit);
    if (queue.empty() && unit.virtual_time() < queue.clock)
        queue.clock = unit.virtual_time(); // nobody else has a claim here
    unit.on_cpu_.store(true, relaxed);
    unit.place_.store(Place::running, ordered);
    unit.cpu_.store(cpu, release);
    unit.dispatched_ = unit.charged_until_ = now;
    unit.turn_start_ = unit.virtual_time();
    unit.woken_ = false;
    unit.runstate_.change(xen::RUNSTATE_running, now);
    queue.current = &unit;
    charge(queue, now);
    if (unit.group().cap() != 0)
        begin_periods(unit.group(), now);
}

void Scheduler::go_idle(RunQueue& queue, Nanoseconds now) { queue.idle_since.store(now, relaxed); }

/// Sets the end of the turn: when others wait here, or when the cap's budget ends. Alone, a unit runs without interruption.
void Scheduler::arm_slice(RunQueue& queue, Nanoseconds now)
{
    Nanoseconds deadline = never;
    if (Unit* const unit = queue.current) {
        if (!queue.empty()) {
            Nanoseconds const turn = std::max(policy::turn(queue.waiting()), rate_limit());
            bool const turn_is_over = now - unit->dispatched_ >= turn;
            if (turn_is_over) {
                unit->dispatched_ = now;
                unit->turn_start_ = unit->virtual_time();
            }
            deadline = turn_end(queue, now);
        }
        if (unit->group().cap() != 0) {
            std::int64_t const left = unit->group().budget_.load(relaxed);
            deadline = std::min(deadline, now + std::max<std::int64_t>(left, policy::shortest_capped_turn));
        }
    }
    if (deadline == never)
        queue.slice.cancel();
    else if (queue.slice.deadline() != deadline)
        queue.slice.arm(std::max(deadline, now + 1));
}

} // namespace rf::sched
