// SPDX-License-Identifier: MIT
/// Caps: the time budget that the units of a group share.
#include "sched/policy.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"

#include <algorithm>

namespace rf::sched {

namespace {
}

void Group::replenish_fired(void* self) { scheduler.replenish(*static_cast<Group*>(self)); }

/// A capped unit starts: from now on its group's budget is refilled every period.
void Scheduler::begin_periods(Group& group, Nanoseconds now)
{
    if (group.replenishing_.exchange(true, ordered))
        return;
    group.next_period_ = now + policy::cap_period;
    group.replenish_.arm(group.next_period_);
}

/// Brings the accounts of running members up to date, so that what they ran is paid from the right budget.
void Scheduler::charge_members(Group& group, Nanoseconds now)
{
    for (auto& member : group.members_) {
        Unit* const unit = member.load(acquire);
        if (!unit || !unit->is_running())
            continue;
        time::HomeLock const lock{unit->cpu_, lock_of};
        if (unit->is_running())
            charge(queues_[lock.home()], now);
    }
}

bool Scheduler::has_active_member(Group const& group)
{
    return std::ranges::any_of(group.members_, [](auto const& member) {
        Unit const* const unit = member.load(acquire);
        return unit && unit->place_.load(ordered) != Place::none;
    });
}

/// A new period: adds the budget, lets parked units wait for a CPU again, and goes on while the group has work.
void Scheduler::replenish(Group& group)
{
    Nanoseconds const now = time::now();
    charge_members(group, now);
    std::int64_t const full = policy::budget(group.cap());
    // Unused budget is not saved up; a debt stays.
    std::int64_t budget = group.budget_.load(relaxed);
    while (!group.budget_.compare_exchange_weak(budget, std::min(budget + full, full), relaxed))
        ;
    if (!group.exhausted())
        for (auto& member : group.members_)
            if (Unit* const unit = member.load(acquire))
                let_compete(*unit);

    if (group.cap() != 0 && has_active_member(group)) {
        group.next_period_ = std::max(group.next_period_ + policy::cap_period, now);
        group.replenish_.arm(group.next_period_);
        return;
    }
    group.replenishing_.store(false, ordered);
    if (group.cap() != 0 && has_active_member(group))
        begin_periods(group, now);
}

/// The unit's group has budget again: parked, it waits; if it waited all the while, idle CPUs have passed it over.
void Scheduler::let_compete(Unit& unit)
{
    if (unit.place() == Place::parked)
        return unpark(unit);
    if (unit.place() != Place::waiting)
        return;
    time::HomeLock const lock{unit.cpu_, lock_of};
    if (unit.place() == Place::waiting && !unit.on_cpu())
        offer(lock.home(), unit, time::now());
}

void Scheduler::unpark(Unit& unit)
{
    Nanoseconds const now = time::now();
    CpuId target = best_cpu_for(unit, unit.hard_affinity(), now);
    time::HomeLock const lock{unit.cpu_, target, lock_of};
    if (unit.place() != Place::parked)
        return;
    if (unit.on_cpu())
        target = lock.home();
    enqueue(queues_[target], target, unit, now);
}

Status Scheduler::set_parameters(Group& group, std::uint32_t weight, std::uint32_t cap)
{
    constexpr std::uint32_t highest_cap = 100 * max_cpus;
    if (weight == 0 || weight > highest_weight || cap > highest_cap)
        return fail(Errno::einval);
    Nanoseconds const now = time::now();
    charge_members(group, now);
    group.weight_.store(weight, relaxed);
    if (group.cap_.exchange(cap, relaxed) == cap)
        return {};
    group.budget_.store(policy::budget(cap), relaxed);
    for (auto& member : group.members_) {
        Unit* const unit = member.load(acquire);
        if (!unit)
            continue;
        if (unit->place() == Place::parked)
            unpark(*unit);
        else if (unit->is_running())
            ask_to_choose(unit->cpu()); // its turn may have no end yet
    }
    if (cap != 0 && has_active_member(group))
        begin_periods(group, now);
    return {};
}

} // namespace rf::sched
