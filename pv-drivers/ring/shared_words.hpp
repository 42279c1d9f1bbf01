// SPDX-License-Identifier: MIT
#pragma once
/// The only accesses this room makes to shared memory: whole 32-bit words, each touched exactly once per call, so that a
/// peer who rewrites a slot meanwhile can change what is copied but never what was copied. Freestanding: no library calls,
/// no allocation, no exceptions.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rf::ring {

/// A value that may cross shared memory: plain words without hidden meaning.
template <class T>
concept Shareable = __is_trivially_copyable(T) && sizeof(T) % sizeof(std::uint32_t) == 0;

/// Copies a T out of shared memory; every word is read once.
template <Shareable T>
[[nodiscard]] inline T copy_out(const std::byte* from)
{
    std::uint32_t words[sizeof(T) / sizeof(std::uint32_t)];
    const auto* source = reinterpret_cast<const volatile std::uint32_t*>(from);
    for (std::size_t i = 0; i < sizeof(T) / sizeof(std::uint32_t); ++i)
        words[i] = source[i];
    T value;
    __builtin_memcpy(&value, words, sizeof value);
    return value;
}

/// Copies a T into shared memory, padding bytes included: the caller starts from a zeroed T.
template <Shareable T>
inline void copy_in(std::byte* to, const T& value)
{
    std::uint32_t words[sizeof(T) / sizeof(std::uint32_t)];
    __builtin_memcpy(words, &value, sizeof value);
    auto* target = reinterpret_cast<volatile std::uint32_t*>(to);
    for (std::size_t i = 0; i < sizeof(T) / sizeof(std::uint32_t); ++i)
        target[i] = words[i];
}

/// A free-running index in shared memory.
class SharedIndex {
public:
    constexpr SharedIndex() = default;
    explicit SharedIndex(std::byte* at) : at_(reinterpret_cast<std::uint32_t*>(at)) {}

    /// Reads the index; what the peer wrote before it is visible afterwards.
    [[nodiscard]] std::uint32_t load() const { return std::atomic_ref(*at_).load(std::memory_order_acquire); }
    /// Writes the index; all that was written before is visible to a peer who sees it.
    void store(std::uint32_t value) const { std::atomic_ref(*at_).store(value, std::memory_order_release); }

private:
    std::uint32_t* at_ = nullptr;
};

/// Orders an earlier store before a later load; both halves of the notification hold-off need it.
inline void full_barrier()
{
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

/// Whether the peer must be sent an event after a producer index moved.
enum class Notify : bool { no, yes };

/// Hold-off rule: notify when the step from `old_index` to `new_index` passes the peer's event index.
[[nodiscard]] constexpr Notify notify_needed(std::uint32_t old_index, std::uint32_t new_index, std::uint32_t event)
{
    return static_cast<std::uint32_t>(new_index - event) < static_cast<std::uint32_t>(new_index - old_index) ? Notify::yes
                                                                                                             : Notify::no;
}

}  // namespace rf::ring
