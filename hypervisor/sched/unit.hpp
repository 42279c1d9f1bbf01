// SPDX-License-Identifier: MIT
#pragma once
/// What the scheduler knows of a vCPU; the base class of domain::Vcpu. It has no virtual functions: the scheduler never
/// calls up, it only says (Scheduler::choose) which unit is to run.
///
/// A unit wants to run when it is up, not blocked and not paused. Its place is changed only under the lock of the run
/// queue of `cpu_` (its home: where it waits, runs, or ran last). Fields marked atomic may be read by anybody.

#include "base/atomic.hpp"
#include "base/cpu_mask.hpp"
#include "base/types.hpp"
#include "sched/group.hpp"
#include "time/runstate.hpp"

namespace rf::sched {

/// Weighted service time: nanoseconds scaled by default_weight / weight.
using VirtualTime = std::int64_t;

enum class Place : std::uint8_t {
    none,    ///< not known to the scheduler, or does not want to run
    waiting, ///< on the run queue of its home CPU
    running, ///< chosen by its home CPU
    parked,  ///< wants to run, but its group has used up its cap
};

class Unit {
public:
    explicit Unit(Group& group) : group_(group) {}
    Unit(Unit const&) = delete;
    Unit& operator=(Unit const&) = delete;

    [[nodiscard]] Group& group() const { return group_; }
    /// The CPU it runs on, waits for or ran on last.
    [[nodiscard]] CpuId cpu() const { return cpu_.load(acquire); }
    [[nodiscard]] Place place() const { return place_.load(acquire); }
    [[nodiscard]] bool is_running() const { return place() == Place::running; }
    [[nodiscard]] bool is_up() const { return up_.load(acquire); }
    [[nodiscard]] bool is_blocked() const { return blocked_.load(acquire); }
    [[nodiscard]] bool is_paused() const { return pauses_.load(acquire) != 0; }
    /// A CPU holds its registers: it runs, or was unloaded but not saved yet (Scheduler::context_saved).
    [[nodiscard]] bool on_cpu() const { return on_cpu_.load(acquire); }
    /// CPUs it may run on, and CPUs it prefers among them.
    [[nodiscard]] CpuMask hard_affinity() const { return CpuMask{hard_.load(relaxed)}; }
    [[nodiscard]] CpuMask soft_affinity() const { return CpuMask{soft_.load(relaxed)}; }
    /// Accounts of running, runnable, blocked and offline time.
    [[nodiscard]] time::Runstate const& runstate() const { return runstate_; }

protected:
    ~Unit() = default;

private:
    friend class Scheduler;
    friend class RunQueue;

    [[nodiscard]] VirtualTime virtual_time() const { return virtual_time_.load(relaxed); }
    [[nodiscard]] bool wants_to_run() const
    {
        return up_.load(relaxed) && !blocked_.load(relaxed) && pauses_.load(relaxed) == 0;
    }
    /// Its runstate while it does not want to run.
    [[nodiscard]] xen::runstate resting_state() const
    {
        return up_.load(relaxed) && blocked_.load(relaxed) ? xen::RUNSTATE_blocked : xen::RUNSTATE_offline;
    }
    [[nodiscard]] bool may_run_on(CpuId cpu) const { return hard_affinity().contains(cpu); }

    Group& group_;
    Atomic<CpuId> cpu_{0};
    Atomic<Place> place_{Place::none};
    Atomic<bool> up_{false};
    Atomic<bool> blocked_{false};
    Atomic<bool> on_cpu_{false};
    Atomic<bool> yields_{false};          ///< gives its CPU to others at the next choice
    Atomic<std::uint32_t> pauses_{0};
    Atomic<std::uint64_t> hard_{~0ull};
    Atomic<std::uint64_t> soft_{~0ull};
    std::uint64_t hard_before_pin_ = 0;   ///< affinity to return to; 0: no override
    Atomic<VirtualTime> virtual_time_{0};
    Nanoseconds charged_until_ = 0;       ///< running: service is accounted up to here
    Nanoseconds dispatched_ = 0;          ///< running: start of this turn
    VirtualTime turn_start_ = 0;          ///< running: virtual time at the start of this turn
    bool woken_ = false;                  ///< waiting: since it woke, not since a turn of its own
    unsigned slot_ = 0;                   ///< index in Group::members_
    time::Runstate runstate_;
    Unit* next_ = nullptr;                ///< run queue links
    Unit* previous_ = nullptr;
};

} // namespace rf::sched
