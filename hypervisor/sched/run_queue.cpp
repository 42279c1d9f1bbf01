// SPDX-License-Identifier: MIT
#include "sched/run_queue.hpp"

#include "cpu/current.hpp"
#include "sched/policy.hpp"

#include <algorithm>

namespace rf::sched {

void RunQueue::slice_over(void*) { cpu::raise(cpu::Work::schedule); }

void RunQueue::publish_head() { head.store(first_ ? first_->virtual_time() : no_virtual_time, ordered); }

void RunQueue::insert(Unit& unit)
{
    // A unit whose turn ended belongs near the end, a woken one near the front: start at the nearer end.
    Unit* before = nullptr;
    if (last_ && unit.virtual_time() < first_->virtual_time() / 2 + last_->virtual_time() / 2) {
        for (Unit* place = first_; place && place->virtual_time() <= unit.virtual_time(); place = place->next_)
            before = place;
    } else {
        before = last_;
        while (before && before->virtual_time() > unit.virtual_time())
            before = before->previous_;
    }
    Unit* const after = before ? before->next_ : first_;
    unit.previous_ = before;
    unit.next_ = after;
    (before ? before->next_ : first_) = &unit;
    (after ? after->previous_ : last_) = &unit;
    ++waiting_;
    publish_head();
}

void RunQueue::remove(Unit& unit)
{
    (unit.previous_ ? unit.previous_->next_ : first_) = unit.next_;
    (unit.next_ ? unit.next_->previous_ : last_) = unit.previous_;
    unit.next_ = unit.previous_ = nullptr;
    --waiting_;
    publish_head();
}

Unit* RunQueue::best_for(CpuId home) const
{
    Unit* unit = first_;
    while (unit && !unit->may_run_on(home))
        unit = unit->next_;
    return unit;
}

Unit* RunQueue::best_to_take(CpuId cpu, VirtualTime limit, bool cpu_is_idle) const
{
    for (Unit* unit = first_; unit && unit->virtual_time() < limit; unit = unit->next_) {
        bool const suits = cpu_is_idle || unit->soft_affinity().contains(cpu);
        if (suits && unit->may_run_on(cpu) && !unit->on_cpu() && !unit->group().exhausted())
            return unit;
    }
    return nullptr;
}

void RunQueue::advance_clock()
{
    VirtualTime least = first_ ? first_->virtual_time() : no_virtual_time;
    if (current)
        least = std::min(least, current->virtual_time());
    if (least != no_virtual_time)
        clock = std::max(clock, least);
}

VirtualTime RunQueue::estimate_running(Nanoseconds now) const
{
    VirtualTime const known = running.load(relaxed);
    Nanoseconds const since = running_since.load(relaxed);
    if (known == no_virtual_time || now <= since)
        return known;
    return known + policy::service(now - since, running_weight.load(relaxed));
}

} // namespace rf::sched
