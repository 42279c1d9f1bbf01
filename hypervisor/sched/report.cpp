// SPDX-License-Identifier: MIT
/// What each CPU does, for the debug key `d`.
#include "base/log.hpp"
#include "sched/scheduler.hpp"

namespace rf::sched {

void Scheduler::report(Nanoseconds now)
{
    online().for_each([&](CpuId cpu) {
        RunQueue& queue = queues_[cpu];
        if (!queue.lock.try_lock()) {
            log::info("cpu ", cpu, ": its run queue is in use");
            return;
        }
        Nanoseconds const since = queue.idle_since.load(relaxed);
        bool const idle = !queue.current;
        unsigned const waiting = queue.waiting();
        bool const asked = queue.asked.load(relaxed);
        bool const slice = queue.slice.armed();
        queue.lock.unlock();
        log::info("cpu ", cpu, idle ? ": idle" : ": busy", ", waiting ", waiting, asked ? ", asked to choose" : "", slice ? ", turn limited" : "",
                  CpuMask{idle_.load(relaxed)}.contains(cpu) ? ", offers itself" : "");
        if (since != never && now > since)
            log::info("  idle for ns ", now - since);
    });
}

} // namespace rf::sched
