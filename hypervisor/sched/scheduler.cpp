// SPDX-License-Identifier: MIT
#include "sched/scheduler.hpp"

#include "base/panic.hpp"
#include "cpu/current.hpp"
#include "cpu/relax.hpp"

namespace rf::sched {

constinit Scheduler scheduler;

namespace {
}

Spinlock& Scheduler::lock_of(CpuId cpu) { return scheduler.queues_[cpu].lock; }

void Scheduler::start_cpu(CpuId cpu, Nanoseconds now)
{
    queues_[cpu].idle_since.store(now, relaxed);
    online_.fetch_or(CpuMask::of(cpu).bits(), acq_rel);
    ask_to_choose(cpu);
}

Status Scheduler::add(Unit& unit)
{
    Group& group = unit.group();
    for (unsigned slot = 0; slot < group.members_.size(); ++slot) {
        if (group.members_[slot].load(relaxed))
            continue;
        unit.slot_ = slot;
        unit.cpu_.store(online().empty() ? 0 : online().lowest(), release);
        group.members_[slot].store(&unit, release);
        return {};
    }
    return fail(Errno::enospc);
}

void Scheduler::remove(Unit& unit)
{
    require(!unit.wants_to_run(), "a unit is removed only while down or paused");
    wait_descheduled(unit);
    Group& group = unit.group();
    group.replenish_.cancel_and_wait(); // its callback looks at the members
    {
        time::HomeLock const lock{unit.cpu_, lock_of};
        require(unit.place() == Place::none, "a unit that is removed waits nowhere");
        group.members_[unit.slot_].store(nullptr, release);
    }
    if (group.replenishing_.load(ordered))
        replenish(group);
}

void Scheduler::bring_up(Unit& unit)
{
    unit.up_.store(true, ordered);
    make_runnable(unit);
}

void Scheduler::take_down(Unit& unit)
{
    unit.up_.store(false, ordered);
    withdraw(unit);
}

void Scheduler::wake_blocked(Unit& unit)
{
    if (unit.blocked_.exchange(false, ordered))
        make_runnable(unit);
}

void Scheduler::block(Unit& unit)
{
    unit.blocked_.store(true, ordered);
    cpu::raise(cpu::Work::schedule);
}

void Scheduler::yield(Unit& unit)
{
    unit.yields_.store(true, relaxed);
    cpu::raise(cpu::Work::schedule);
}

void Scheduler::pause(Unit& unit)
{
    unit.pauses_.fetch_add(1, ordered);
    withdraw(unit);
}

void Scheduler::unpause(Unit& unit)
{
    std::uint32_t const before = unit.pauses_.fetch_sub(1, ordered);
    require(before != 0, "unpause follows a pause");
    if (before == 1)
        make_runnable(unit);
}

void Scheduler::wait_descheduled(Unit const& unit) const
{
    while (unit.is_running() || unit.on_cpu())
        cpu::relax();
}

Status Scheduler::set_affinity(Unit& unit, CpuMask hard, CpuMask soft)
{
    if ((hard & online()).empty())
        return fail(Errno::einval);
    if (unit.hard_before_pin_ != 0) {
        unit.hard_before_pin_ = hard.bits();
        return change_affinity(unit, unit.hard_affinity(), soft);
    }
    return change_affinity(unit, hard, soft);
}

Status Scheduler::pin(Unit& unit, CpuId cpu)
{
    if (!online().contains(cpu))
        return fail(Errno::einval);
    if (unit.hard_before_pin_ != 0)
        return fail(Errno::ebusy);
    unit.hard_before_pin_ = unit.hard_affinity().bits();
    return change_affinity(unit, CpuMask::of(cpu), unit.soft_affinity());
}

Status Scheduler::unpin(Unit& unit)
{
    if (unit.hard_before_pin_ == 0)
        return fail(Errno::einval);
    CpuMask const hard{unit.hard_before_pin_};
    unit.hard_before_pin_ = 0;
    return change_affinity(unit, hard, unit.soft_affinity());
}

Status Scheduler::set_rate_limit(Nanoseconds limit)
{
    constexpr Nanoseconds shortest = 100'000;
    constexpr Nanoseconds longest = 500'000'000;
    if (limit != 0 && (limit < shortest || limit > longest))
        return fail(Errno::einval);
    rate_limit_.store(limit, relaxed);
    return {};
}

Nanoseconds Scheduler::idle_time(CpuId cpu, Nanoseconds now) const
{
    RunQueue const& queue = queues_[cpu];
    Nanoseconds const since = queue.idle_since.load(relaxed);
    return queue.idle_time.load(relaxed) + (since != never && now > since ? now - since : 0);
}

} // namespace rf::sched
