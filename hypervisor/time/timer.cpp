// SPDX-License-Identifier: MIT
#include "time/timer.hpp"

#include "base/per_cpu.hpp"
#include "base/spinlock.hpp"
#include "time/clock.hpp"
#include "time/home_lock.hpp"

#include <algorithm>
#include <utility>

namespace rf::time {

namespace {

/// Programs the local hardware timer; null until boot installs it.
constinit Atomic<void (*)(Nanoseconds)> deadline_hook{nullptr};

/// After a run that used up its budget: when to continue.
constexpr Nanoseconds overload_pause = 50 * microsecond;

} // namespace

/// One CPU's timers: a pairing heap by deadline.
class TimerQueue {
public:
    constexpr TimerQueue() = default;

    void insert(Timer& timer) { root_ = merge(root_, &timer); }
    void remove(Timer& timer);
    [[nodiscard]] Timer* first() const { return root_; }
    [[nodiscard]] Nanoseconds earliest() const { return root_ ? root_->deadline_.load(relaxed) : never; }

    /// Makes sure that the CPU looks at the queue in time. Lock held.
    void attend(CpuId cpu);
    void run();

    Spinlock lock{LockRank::timer_queue};

private:
    [[nodiscard]] static Timer* merge(Timer* a, Timer* b);
    [[nodiscard]] static Timer* merge_siblings(Timer* first);
    /// The first timer if it is due, taken out; else null, and the hardware timer is set to the next.
    [[nodiscard]] Timer* take_due_or_wait(Nanoseconds now);
    void program(Nanoseconds deadline);

    Timer* root_ = nullptr;
    Nanoseconds programmed_ = never; ///< what the hardware timer is set to; this CPU only
};

namespace {
constinit PerCpu<TimerQueue> queues;

Spinlock& lock_of(CpuId cpu) { return queues[cpu].lock; }
} // namespace

Timer* TimerQueue::merge(Timer* a, Timer* b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline_.load(relaxed) < a->deadline_.load(relaxed))
        std::swap(a, b);
    b->next_ = a->child_;
    if (b->next_)
        b->next_->back_ = b;
    b->back_ = a;
    a->child_ = b;
    return a;
}

/// Merges a list of siblings to one heap: neighbours pairwise, then the pairs from the last to the first.
Timer* TimerQueue::merge_siblings(Timer* first)
{
    Timer* pairs = nullptr;
    while (first) {
        Timer* const a = first;
        Timer* const b = a->next_;
        first = b ? b->next_ : nullptr;
        a->next_ = a->back_ = nullptr;
        if (b)
            b->next_ = b->back_ = nullptr;
        Timer* const merged = merge(a, b);
        merged->next_ = pairs;
        pairs = merged;
    }
    Timer* heap = nullptr;
    while (pairs) {
        Timer* const rest = std::exchange(pairs->next_, nullptr);
        heap = merge(heap, pairs);
        pairs = rest;
    }
    return heap;
}

void TimerQueue::remove(Timer& timer)
{
    Timer* const orphans = merge_siblings(std::exchange(timer.child_, nullptr));
    if (root_ == &timer) {
        root_ = orphans;
        return;
    }
    (timer.back_->child_ == &timer ? timer.back_->child_ : timer.back_->next_) = timer.next_;
    if (timer.next_)
        timer.next_->back_ = timer.back_;
    timer.next_ = timer.back_ = nullptr;
    root_ = merge(root_, orphans);
}

void TimerQueue::program(Nanoseconds deadline)
{
    programmed_ = deadline;
    if (auto const hook = deadline_hook.load(acquire))
        hook(deadline);
}

void TimerQueue::attend(CpuId cpu)
{
    Nanoseconds const deadline = earliest();
    if (deadline == never)
        return;
    if (cpu != cpu::current_id())
        cpu::raise_on(cpu, cpu::Work::timer);
    else if (deadline <= now())
        cpu::raise(cpu::Work::timer);
    else if (deadline < programmed_)
        program(deadline);
}

Timer* TimerQueue::take_due_or_wait(Nanoseconds now)
{
    LockGuard const guard{lock};
    Timer* const timer = root_;
    if (!timer || timer->deadline_.load(relaxed) > now) {
        program(earliest());
        return nullptr;
    }
    remove(*timer);
    timer->callbacks_.fetch_add(1, relaxed);
    timer->deadline_.store(never, release);
    return timer;
}

void TimerQueue::run()
{
    for (unsigned count = 0; count < timers_per_run; ++count) {
        Timer* const timer = take_due_or_wait(now());
        if (!timer)
            return;
        timer->callback_(timer->owner_);
        timer->callbacks_.fetch_sub(1, release); // the last access: the owner may destroy it now
    }
    LockGuard const guard{lock};
    program(std::max(earliest(), now() + overload_pause));
}

void Timer::arm(Nanoseconds deadline) { arm_on(cpu::current_id(), deadline); }

void Timer::arm_on(CpuId cpu, Nanoseconds deadline)
{
    HomeLock const lock{cpu_, cpu, lock_of};
    if (armed())
        queues[cpu_.load(relaxed)].remove(*this);
    deadline_.store(deadline, release);
    if (deadline == never)
        return;
    cpu_.store(cpu, release);
    queues[cpu].insert(*this);
    if (queues[cpu].first() == this)
        queues[cpu].attend(cpu);
}

void Timer::cancel()
{
    if (!armed())
        return;
    HomeLock const lock{cpu_, lock_of};
    if (!armed())
        return;
    queues[cpu_.load(relaxed)].remove(*this);
    deadline_.store(never, release);
}

void Timer::cancel_and_wait()
{
    while (true) {
        {
            // Both under the lock: without it a callback that arms its timer again can go from "armed" to "under way" between
            // a look at the one and a look at the other.
            HomeLock const lock{cpu_, lock_of};
            if (armed()) {
                queues[cpu_.load(relaxed)].remove(*this);
                deadline_.store(never, release);
            }
            if (callbacks_.load(acquire) == 0)
                return;
        }
        while (callbacks_.load(acquire) != 0)
            cpu::relax();
    }
}

void Timer::move_to(CpuId cpu)
{
    if (!armed() || cpu_.load(relaxed) == cpu)
        return;
    HomeLock const lock{cpu_, cpu, lock_of};
    if (!armed() || cpu_.load(relaxed) == cpu)
        return;
    queues[cpu_.load(relaxed)].remove(*this);
    cpu_.store(cpu, release);
    queues[cpu].insert(*this);
    if (queues[cpu].first() == this)
        queues[cpu].attend(cpu);
}

void run_due() { queues.local().run(); }

Nanoseconds earliest_deadline(CpuId cpu)
{
    LockGuard const guard{queues[cpu].lock};
    return queues[cpu].earliest();
}

void set_deadline_hook(void (*hook)(Nanoseconds deadline)) { deadline_hook.store(hook, release); }

} // namespace rf::time
