// SPDX-License-Identifier: MIT
#pragma once
/// The run queue of one CPU: units that wait there, ordered by virtual time, and what the CPU runs.
///
/// Everything is guarded by `lock` except the atomics, which other CPUs read as hints to decide whose lock to take.

#include "base/spinlock.hpp"
#include "sched/unit.hpp"
#include "time/timer.hpp"

#include <limits>

namespace rf::sched {

inline constexpr VirtualTime no_virtual_time = std::numeric_limits<VirtualTime>::max();

class RunQueue {
public:
    constexpr RunQueue() : slice(slice_over, nullptr) {}

    /// Puts a unit in order; later than units of equal virtual time.
    void insert(Unit& unit);
    void remove(Unit& unit);
    /// The waiting unit with the least virtual time that `home`, the CPU of this queue, may run; null if there is none.
    [[nodiscard]] Unit* best_for(CpuId home) const;
    /// The waiting unit with the least virtual time below `limit` that another CPU may take: it may run there, its registers
    /// are in memory, its group has budget. `cpu_is_idle`: the CPU takes units that prefer others, too.
    [[nodiscard]] Unit* best_to_take(CpuId cpu, VirtualTime limit, bool cpu_is_idle) const;
    /// The waiting unit with the least virtual time; null when none waits.
    [[nodiscard]] Unit const* first() const { return first_; }
    [[nodiscard]] bool empty() const { return first_ == nullptr; }
    [[nodiscard]] unsigned waiting() const { return waiting_; }
    /// Moves the clock on to the least virtual time here.
    void advance_clock();
    /// What the running unit's virtual time should be by `now`, from the hints; no_virtual_time when idle.
    [[nodiscard]] VirtualTime estimate_running(Nanoseconds now) const;

    Spinlock lock{LockRank::run_queue};
    Unit* current = nullptr;  ///< null: idle
    VirtualTime clock = 0;    ///< goes back only when the queue has nothing at all
    time::Timer slice;        ///< end of the turn of `current`; armed only while others wait or a cap limits it

    // Hints for other CPUs.
    Atomic<bool> asked{false};                    ///< the CPU was asked to choose again and has not begun to
    Atomic<VirtualTime> head{no_virtual_time};    ///< least virtual time of the waiting units
    Atomic<VirtualTime> running{no_virtual_time}; ///< virtual time of current at `running_since`; none: idle
    Atomic<Nanoseconds> running_since{0};
    Atomic<std::uint32_t> running_weight{default_weight};
    Atomic<Nanoseconds> idle_since{never};        ///< never: busy
    Atomic<Nanoseconds> idle_time{0};             ///< up to idle_since

private:
    static void slice_over(void*);
    void publish_head();

    Unit* first_ = nullptr;
    Unit* last_ = nullptr;
    unsigned waiting_ = 0;
};

} // namespace rf::sched
