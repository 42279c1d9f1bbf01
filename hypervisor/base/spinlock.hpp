// SPDX-License-Identifier: MIT
#pragma once
/// Ticket spinlocks with ranks.
///
/// The hypervisor runs with interrupts off except in guests and in the idle loop, so a lock never needs to disable them.
/// A waiting CPU calls cpu::relax(), which also answers TLB flush requests: a CPU may therefore wait for flush
/// acknowledgements while it holds locks. Ranks order acquisition: a lock may be taken only while every held lock has a
/// lower rank; checked by debug builds (docs/locking.md).

#include "base/atomic.hpp"
#include "cpu/relax.hpp"

#include <cstdint>

namespace rf {

/// Acquisition order, outermost first.
enum class LockRank : std::uint8_t {
    domain_control, ///< one domain's life cycle and control operations
    domain_table,
    grant_table,
    maptrack,
    address_space, ///< page tables and type transitions of one domain
    domain_memory, ///< the list and count of one domain's frames
    event_table,
    interrupt_routing,
    run_queue,
    timer_queue,
    frame_allocator,
    hypervisor_heap,
    device,
    console,
};

class Spinlock {
public:
    constexpr explicit Spinlock(LockRank rank) : rank_(rank) {}
    Spinlock(Spinlock const&) = delete;
    Spinlock& operator=(Spinlock const&) = delete;

    void lock()
    {
        std::uint32_t const ticket = next_.fetch_add(1, relaxed);
        while (serving_.load(acquire) != ticket)
            cpu::relax();
    }
    [[nodiscard]] bool try_lock()
    {
        std::uint32_t ticket = serving_.load(relaxed);
        return next_.compare_exchange_strong(ticket, ticket + 1, acquire, relaxed);
    }
    void unlock() { serving_.store(serving_.load(relaxed) + 1, release); }
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
