// SPDX-License-Identifier: MIT
#pragma once
/// Ticket spinlocks with ranks.
///
/// The hypervisor runs with interrupts off except in guests and in the idle loop, so a lock never needs to disable them.
/// A waiting CPU calls cpu::relax(), which also answers TLB flush requests: a CPU may therefore wait for flush
/// acknowledgements while it holds locks. Ranks order acquisition: a lock may be taken only while every held lock has a
/// lower rank, or an equal one and a lower address; builds with checks (base/checks.hpp) watch over it. What is only tried
/// cannot deadlock and may be out of order.

#include "base/atomic.hpp"
#include "base/checks.hpp"
#include "base/lock_rank.hpp"
#include "cpu/relax.hpp"

#include <cstdint>

namespace rf {

class Spinlock {
public:
    constexpr explicit Spinlock(LockRank rank) : rank_(rank) {}
    Spinlock(Spinlock const&) = delete;
    Spinlock& operator=(Spinlock const&) = delete;

    void lock()
    {
        if constexpr (checks_on)
            lock_order::waiting(this, rank_);
        std::uint32_t const ticket = next_.fetch_add(1, relaxed);
        while (serving_.load(acquire) != ticket)
            cpu::relax();
        if constexpr (checks_on)
            lock_order::taken(this, rank_);
    }
    [[nodiscard]] bool try_lock()
    {
        // Acquire: what the last holder did is visible. The exchange alone reads only what lockers wrote.
        std::uint32_t ticket = serving_.load(acquire);
        if (!next_.compare_exchange_strong(ticket, ticket + 1, relaxed, relaxed))
            return false;
        if constexpr (checks_on)
            lock_order::taken(this, rank_);
        return true;
    }
    void unlock()
    {
        if constexpr (checks_on)
            lock_order::released(this);
        serving_.store(serving_.load(relaxed) + 1, release);
    }
    [[nodiscard]] bool is_locked() const { return next_.load(relaxed) != serving_.load(relaxed); }
    [[nodiscard]] LockRank rank() const { return rank_; }

private:
    Atomic<std::uint32_t> next_{0};
    Atomic<std::uint32_t> serving_{0};
    LockRank rank_;
};

/// Holds a lock for a scope.
class [[nodiscard]] LockGuard {
public:
    explicit LockGuard(Spinlock& lock) : lock_(&lock) { lock_->lock(); }
    ~LockGuard()
    {
        if (lock_)
            lock_->unlock();
    }
    LockGuard(LockGuard const&) = delete;
    LockGuard& operator=(LockGuard const&) = delete;
    /// Gives the lock back before the scope ends.
    void unlock()
    {
        lock_->unlock();
        lock_ = nullptr;
    }

private:
    Spinlock* lock_;
};

/// Takes two locks of equal rank in address order; they may be the same lock.
class [[nodiscard]] LockPair {
public:
    LockPair(Spinlock& a, Spinlock& b) : low_(&a < &b ? &a : &b), high_(&a < &b ? &b : &a)
    {
        low_->lock();
        if (high_ != low_)
            high_->lock();
    }
    ~LockPair()
    {
        if (high_ != low_)
            high_->unlock();
        low_->unlock();
    }
    LockPair(LockPair const&) = delete;
    LockPair& operator=(LockPair const&) = delete;

private:
    Spinlock* low_;
    Spinlock* high_;
};

} // namespace rf
