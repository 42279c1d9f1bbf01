// SPDX-License-Identifier: MIT
#pragma once
/// The lock of an object that moves between per-CPU queues: what `home` names may change until the lock of that CPU's
/// queue is held. Optionally another queue's lock is taken too; two locks are taken in address order.

#include "base/atomic.hpp"
#include "base/spinlock.hpp"
#include "base/types.hpp"

#include <utility>

namespace rf::time {

class [[nodiscard]] HomeLock {
public:
    /// `lock_of(CpuId)` yields the Spinlock& of a CPU's queue. Part of the caller, so that a function's name costs no indirect call.
    template <class LockOf>
    [[gnu::always_inline]] HomeLock(Atomic<CpuId> const& home, LockOf lock_of)
    {
        while (!take(home, [&] { return std::pair{&lock_of(home_), &lock_of(home_)}; }))
            release_all();
    }
    template <class LockOf>
    [[gnu::always_inline]] HomeLock(Atomic<CpuId> const& home, CpuId other, LockOf lock_of)
    {
        while (!take(home, [&] { return std::pair{&lock_of(home_), &lock_of(other)}; }))
            release_all();
    }
    ~HomeLock() { release_all(); }
    HomeLock(HomeLock const&) = delete;
    HomeLock& operator=(HomeLock const&) = delete;

    /// Where the object is while this lock is held.
    [[nodiscard]] CpuId home() const { return home_; }

private:
    template <class Locks>
    [[nodiscard]] bool take(Atomic<CpuId> const& home, Locks locks)
    {
        home_ = home.load(acquire);
        auto const [a, b] = locks();
        low_ = a < b ? a : b;
        high_ = a < b ? b : a;
        low_->lock();
        if (high_ != low_)
            high_->lock();
        return home.load(acquire) == home_;
    }
    void release_all()
    {
        if (high_ != low_)
            high_->unlock();
        low_->unlock();
    }

    Spinlock* low_ = nullptr;
    Spinlock* high_ = nullptr;
    CpuId home_ = 0;
};

} // namespace rf::time
