// SPDX-License-Identifier: MIT
#pragma once
/// What the units (vCPUs) of one domain share: weight, cap with the time budget behind it, and the domain's watchdogs.
///
/// Each unit competes with the group's weight. The cap limits all units of the group together, in percent of one CPU:
/// every period the group gets `cap` percent of the period as budget; units whose group has none left are parked until the
/// next period. A debt is carried over, so the limit holds in the long run.

#include "base/atomic.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "time/timer.hpp"
#include "time/watchdogs.hpp"

#include <array>

namespace rf::sched {

class Unit;
class Scheduler;

inline constexpr std::uint32_t default_weight = 256;
inline constexpr std::uint32_t highest_weight = 65535;

class Group {
public:
    Group() : replenish_(replenish_fired, this) {}
    Group(Group const&) = delete;
    Group& operator=(Group const&) = delete;
    ~Group() { replenish_.cancel_and_wait(); }

    [[nodiscard]] std::uint32_t weight() const { return weight_.load(relaxed); }
    /// Percent of one CPU; 0 is no limit.
    [[nodiscard]] std::uint32_t cap() const { return cap_.load(relaxed); }
    /// No unit of the group runs before the next period.
    [[nodiscard]] bool exhausted() const { return cap() != 0 && budget_.load(relaxed) <= 0; }

    time::Watchdogs watchdogs;

private:
    friend class Scheduler;
    friend class RunQueue;

    static void replenish_fired(void* self);

    Atomic<std::uint32_t> weight_{default_weight};
    Atomic<std::uint32_t> cap_{0};
    Atomic<std::int64_t> budget_{0};   ///< nanoseconds left; negative is debt
    Nanoseconds next_period_ = 0;      ///< written by whoever set replenishing_
    Atomic<bool> replenishing_{false}; ///< the timer is armed or its callback runs
    std::array<Atomic<Unit*>, max_vcpus_per_domain> members_{};
    time::Timer replenish_;
};

} // namespace rf::sched
