// SPDX-License-Identifier: MIT
#pragma once
/// The order in which locks are taken, and the check of it that runs where base/checks.hpp says so.

#include <array>
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
    event_queue, ///< FIFO queues of one vCPU
    interrupt_routing,
    run_queue,
    timer_queue,
    device_windows, ///< making a window takes frames
    frame_allocator,
    hypervisor_heap,
    device,
    console,
};

/// The locks that one CPU (on the host: one thread) holds.
class HeldLocks {
public:
    enum class Verdict : std::uint8_t { in_order, out_of_order, taken_already };

    /// May a lock be waited for now? Its rank must be above that of every held lock; among equals the address decides.
    [[nodiscard]] constexpr Verdict judge(void const* lock, LockRank rank) const
    {
        for (unsigned i = 0; i < count_; ++i) {
            if (held_[i].lock == lock)
                return Verdict::taken_already;
            if (held_[i].rank > rank || (held_[i].rank == rank && held_[i].lock > lock))
                return Verdict::out_of_order;
        }
        return Verdict::in_order;
    }
    /// False when there is no room to remember it.
    [[nodiscard]] constexpr bool add(void const* lock, LockRank rank)
    {
        if (count_ == held_.size())
            return false;
        held_[count_++] = {lock, rank};
        return true;
    }
    /// False when the lock is not held here.
    [[nodiscard]] constexpr bool remove(void const* lock)
    {
        for (unsigned i = 0; i < count_; ++i)
            if (held_[i].lock == lock) {
                held_[i] = held_[--count_];
                return true;
            }
        return false;
    }
    [[nodiscard]] constexpr unsigned count() const { return count_; }
    constexpr void forget_all() { count_ = 0; }

private:
    struct Held {
        void const* lock = nullptr;
        LockRank rank{};
    };
    std::array<Held, 16> held_{};
    unsigned count_ = 0;
};

namespace lock_order {
/// Called around every lock operation in checking builds; each panics when the order is broken.
void waiting(void const* lock, LockRank rank);
void taken(void const* lock, LockRank rank);
void released(void const* lock);
} // namespace lock_order

} // namespace rf
