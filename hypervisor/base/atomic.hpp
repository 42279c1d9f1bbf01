// SPDX-License-Identifier: MIT
#pragma once
/// Atomic access in the words of the publication discipline: load_acquire, store_release, and relaxed counters.

#include <atomic>

namespace rf {

template <class T>
using Atomic = std::atomic<T>;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
/// In one order with all others of the kind.
inline constexpr auto ordered = std::memory_order_seq_cst;

/// A plain object in memory shared with a guest, accessed as an atomic of the same size.
template <class T>
[[nodiscard]] inline std::atomic_ref<T> shared(T& object)
{
    static_assert(std::atomic_ref<T>::is_always_lock_free);
    return std::atomic_ref<T>(object);
}

} // namespace rf
