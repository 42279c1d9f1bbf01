// SPDX-License-Identifier: MIT
#pragma once
/// One-shot timers. Each CPU has a queue ordered by deadline (a pairing heap through the timers themselves, so arming
/// cannot fail); the CPU's hardware timer is programmed for the earliest deadline through a hook.
///
/// Invariants: a timer is on at most one queue; its links belong to the lock of the queue of `cpu_`. Callbacks run on the
/// CPU whose queue held the timer, from run_due(), with no lock held, and may arm or cancel any timer. A timer has no
/// destructor (some are static): an owner that can go away calls cancel_and_wait() first.
/// Locks: LockRank::timer_queue, one at a time except for a move between queues (address order).

#include "base/atomic.hpp"
#include "base/types.hpp"

namespace rf::time {

class TimerQueue;

class Timer {
public:
    using Callback = void (*)(void* owner);

    constexpr Timer(Callback callback, void* owner) : callback_(callback), owner_(owner) {}
    Timer(Timer const&) = delete;
    Timer& operator=(Timer const&) = delete;

    /// Fires once at system time `deadline` or soon after, on this CPU; replaces an earlier deadline. A deadline that has
    /// passed fires before the CPU returns to a guest. `never` cancels.
    void arm(Nanoseconds deadline);
    /// As arm, on the queue of another online CPU.
    void arm_on(CpuId cpu, Nanoseconds deadline);
    /// Takes the timer off its queue; its callback may be running at this moment on another CPU.
    void cancel();
    /// Cancels and waits until the callback does not run. Not from the callback itself.
    void cancel_and_wait();
    /// Moves an armed timer to the queue of `cpu`; changes nothing for an idle one.
    void move_to(CpuId cpu);

    [[nodiscard]] bool armed() const { return deadline_.load(acquire) != never; }
    /// `never` while not armed.
    [[nodiscard]] Nanoseconds deadline() const { return deadline_.load(acquire); }
    /// The CPU on whose queue it is or was last.
    [[nodiscard]] CpuId cpu() const { return cpu_.load(acquire); }

private:
    friend class TimerQueue;

    Callback callback_;
    void* owner_;
    Atomic<Nanoseconds> deadline_{never};
    Atomic<CpuId> cpu_{0};
    Atomic<std::uint32_t> callbacks_{0}; ///< callbacks under way
    /// Pairing heap: first child, right sibling, and left sibling or (for a first child) parent.
    Timer* child_ = nullptr;
    Timer* next_ = nullptr;
    Timer* back_ = nullptr;
};

/// Most callbacks of one run_due(); what is left follows after the guest had a moment.
inline constexpr unsigned timers_per_run = 64;

/// Runs this CPU's due timers and programs the hardware for the next one. Called when Work::timer is set.
void run_due();

/// The earliest deadline on a CPU's queue, `never` if it is empty.
[[nodiscard]] Nanoseconds earliest_deadline(CpuId cpu);

/// Installs the function that programs the hardware timer of the calling CPU for a system time (`never`: stop it).
/// Without one, deadlines are only recorded.
void set_deadline_hook(void (*hook)(Nanoseconds deadline));

} // namespace rf::time
