// SPDX-License-Identifier: MIT
#pragma once
/// The scheduler: which unit runs on which CPU. Fair by weight, preemptive, work-conserving, for many CPUs.
///
/// Every CPU has a run queue ordered by virtual time; virtual times are comparable between queues, so a CPU compares its
/// best unit with those that wait elsewhere and takes the one that has had the least. The rules (how long, how soon, who
/// first) are in policy.hpp; this class keeps the states.
///
/// The hand-over of a CPU between two units, in entry::leave:
///
///     next = scheduler.choose(cpu, now)      previous unit becomes waiting, parked or none; on_cpu() stays true
///     if (next != previous) {
///         ... save previous' registers ...
///         scheduler.context_saved(*previous) on_cpu() becomes false: other CPUs may take it now
///         ... load next's registers ...
///     }
///
/// context_saved() must also be called when the CPU goes idle (choose() == nullptr). All functions may be called on any
/// CPU, with interrupts off, unless they say otherwise; none waits except wait_descheduled() and remove(). Locks: one run
/// queue, or two in address order; a CPU that holds its own only tries another's.

#include "base/per_cpu.hpp"
#include "base/result.hpp"
#include "sched/run_queue.hpp"
#include "time/home_lock.hpp"

namespace rf::sched {

class Scheduler {
public:
    constexpr Scheduler() = default;

    /// `cpu` takes part from now on: it must call choose() soon.
    void start_cpu(CpuId cpu, Nanoseconds now);
    [[nodiscard]] CpuMask online() const { return CpuMask{online_.load(acquire)}; }

    /// Enters a unit: down, unblocked, unpaused. Errno::enospc when its group is full. For one group, add, remove and
    /// set_parameters are serialised by the caller (the domain's control lock).
    [[nodiscard]] Status add(Unit& unit);
    /// Forgets a unit that is down or paused, after it left its CPU; it may be destroyed afterwards.
    void remove(Unit& unit);

    /// The unit that is to run on `cpu`, the calling CPU, now; null for none.
    [[nodiscard]] Unit* choose(CpuId cpu, Nanoseconds now);
    /// The registers of a unit that choose() replaced on this CPU are in memory.
    void context_saved(Unit& unit);

    /// The vCPU goes up (its context is ready) or down.
    void bring_up(Unit& unit);
    void take_down(Unit& unit);
    /// Ends a block; does nothing to a unit that is not blocked. Cheap then. The caller made its reason visible before,
    /// by an atomic read-modify-write.
    void wake(Unit& unit)
    {
        if (unit.blocked_.load()) [[unlikely]]
            wake_blocked(unit);
    }
    /// The vCPU that this CPU runs sleeps until wake(). It keeps the CPU until the next choose(). The caller looks for
    /// pending events *after* this call and wakes the unit itself if there are any: no wake() in between is lost.
    void block(Unit& unit);
    /// The vCPU that this CPU runs lets others go first, once.
    void yield(Unit& unit);
    /// Counting pause. The unit may still be running for a moment: see wait_descheduled().
    void pause(Unit& unit);
    void unpause(Unit& unit);
    /// Waits until no CPU holds the unit's registers. The unit is down or paused, and not the one that this CPU runs.
    /// Two vCPUs must not wait for each other: only control operations on *another* domain may use it.
    void wait_descheduled(Unit const& unit) const;

    /// CPUs that it may run on, and that it prefers. Errno::einval: no online CPU in `hard`. A pinned unit keeps its pin
    /// until unpin().
    [[nodiscard]] Status set_affinity(Unit& unit, CpuMask hard, CpuMask soft);
    /// SCHEDOP_pin_override: only `cpu` until unpinned. Errno::einval: not online; Errno::ebusy: pinned already.
    [[nodiscard]] Status pin(Unit& unit, CpuId cpu);
    /// Ends pin(). Errno::einval: not pinned.
    [[nodiscard]] Status unpin(Unit& unit);
    /// Weight 1..65535; cap in percent of one CPU, 0 for none. Errno::einval.
    [[nodiscard]] Status set_parameters(Group& group, std::uint32_t weight, std::uint32_t cap);
    /// Shortest turn before another unit may interrupt it: 0.1..500 ms, or 0 for none. Errno::einval.
    [[nodiscard]] Status set_rate_limit(Nanoseconds limit);
    [[nodiscard]] Nanoseconds rate_limit() const { return rate_limit_.load(relaxed); }

    /// Logs a line for each CPU. Waits for no lock.
    void report(Nanoseconds now);
    /// Time that `cpu` spent idle.
    [[nodiscard]] Nanoseconds idle_time(CpuId cpu, Nanoseconds now) const;

private:
    friend class Group;

    [[nodiscard]] static Spinlock& lock_of(CpuId cpu);

    // choose.cpp: the choice on one CPU; the lock of `queue` is held
    void charge(RunQueue& queue, Nanoseconds now);
    [[nodiscard]] Unit* pick(RunQueue& queue, CpuId cpu, bool previous_may_stay, Nanoseconds now);
    [[nodiscard]] Unit* best_local(RunQueue& queue, CpuId cpu);
    [[nodiscard]] static bool preempts(Unit const& rival, Unit const& running);
    [[nodiscard]] bool keeps_cpu(RunQueue const& queue, Unit const& rival, Nanoseconds now) const;
    [[nodiscard]] Nanoseconds turn_end(RunQueue const& queue, Nanoseconds now) const;
    [[nodiscard]] Unit* take_from_others(RunQueue& queue, CpuId cpu, VirtualTime limit, bool idle);
    void stop_current(RunQueue& queue, bool wants_to_run, Nanoseconds now);
    void start(RunQueue& queue, CpuId cpu, Unit& unit, Nanoseconds now);
    void go_idle(RunQueue& queue, Nanoseconds now);
    void arm_slice(RunQueue& queue, Nanoseconds now);

    // place.cpp: where units that want to run are put
    void wake_blocked(Unit& unit);
    void make_runnable(Unit& unit);
    [[nodiscard]] CpuId best_cpu_for(Unit const& unit, CpuMask hard, Nanoseconds now) const;
    [[nodiscard]] CpuId furthest_ahead(CpuMask cpus, VirtualTime own, CpuId otherwise, Nanoseconds now) const;
    void enqueue(RunQueue& queue, CpuId cpu, Unit& unit, Nanoseconds now);
    void draw_attention(RunQueue& queue, CpuId cpu, Unit const& unit, Nanoseconds now);
    void offer(CpuId home, Unit const& unit, Nanoseconds now);
    void ask_to_choose(CpuId cpu);
    void withdraw(Unit& unit);
    void mark_waiting(CpuId cpu, RunQueue const& queue);
    [[nodiscard]] Status change_affinity(Unit& unit, CpuMask hard, CpuMask soft);

    // cap.cpp
    void begin_periods(Group& group, Nanoseconds now);
    void replenish(Group& group);
    void charge_members(Group& group, Nanoseconds now);
    [[nodiscard]] static bool has_active_member(Group const& group);
    void let_compete(Unit& unit);
    void unpark(Unit& unit);

    Atomic<std::uint64_t> online_{0};
    Atomic<std::uint64_t> idle_{0};    ///< CPUs that found nothing to run and were not asked since
    Atomic<std::uint64_t> waiting_{0}; ///< CPUs whose queue is not empty
    Atomic<Nanoseconds> rate_limit_{1'000'000};
    PerCpu<RunQueue> queues_;
};

extern Scheduler scheduler;

} // namespace rf::sched
