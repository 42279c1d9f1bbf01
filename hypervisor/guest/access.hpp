// SPDX-License-Identifier: MIT
#pragma once
/// The one gateway to guest virtual memory. Nothing outside this room touches a guest address.
///
/// Rules: a value is copied in once and the copy is checked; a range that leaves guest space or faults gives
/// Errno::efault and never harms the hypervisor. Copies run in the address space that the calling vCPU has loaded.
/// Only trivially copyable ABI types cross; structures that go out are fully initialised by their builder.

#include "base/address_map.hpp"
#include "base/result.hpp"
#include "xen/trap.h"

#include <cstddef>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace rf::guest {

/// Copies `bytes` from guest memory; on a fault the rest of `to` is zeroed. Errno::efault.
[[nodiscard]] Status copy_bytes_in(void* to, GuestVirtual from, std::size_t bytes);
/// Copies `bytes` to guest memory. Errno::efault (a prefix may have been written).
[[nodiscard]] Status copy_bytes_out(GuestVirtual to, void const* from, std::size_t bytes);
/// Writes zeros to guest memory. Errno::efault.
[[nodiscard]] Status clear_bytes(GuestVirtual to, std::size_t bytes);
/// As copy_bytes_in, but yields how many bytes could be read before a fault (instruction fetch near a page end).
[[nodiscard]] std::size_t copy_bytes_in_partial(void* to, GuestVirtual from, std::size_t bytes);

/// Copies as many whole words as the name says: for structures, where setting up a long copy would cost more than the copy.
/// Nonzero on a fault; a part may have been copied then. In copy.S.
using WordCopy = std::uint64_t(void* to, void const* from);
extern "C" WordCopy guest_copy_words_1, guest_copy_words_2, guest_copy_words_3, guest_copy_words_4, guest_copy_words_5, guest_copy_words_6,
    guest_copy_words_7, guest_copy_words_8, guest_copy_words_9, guest_copy_words_10, guest_copy_words_11, guest_copy_words_12, guest_copy_words_13,
    guest_copy_words_14, guest_copy_words_15, guest_copy_words_16;
inline constexpr WordCopy* word_copies[] = {
    guest_copy_words_1,  guest_copy_words_2,  guest_copy_words_3,  guest_copy_words_4,  guest_copy_words_5,  guest_copy_words_6,
    guest_copy_words_7,  guest_copy_words_8,  guest_copy_words_9,  guest_copy_words_10, guest_copy_words_11, guest_copy_words_12,
    guest_copy_words_13, guest_copy_words_14, guest_copy_words_15, guest_copy_words_16};
inline constexpr std::size_t most_words = std::size(word_copies);
/// The same for four bytes.
extern "C" std::uint64_t guest_copy_dword(void* to, void const* from);

/// Interrupted state as a frame at `to`: rcx r11 [error code] rip cs rflags rsp ss, of which the caller makes the words for cs
/// and rflags. False on a fault.
extern "C" std::uint64_t guest_put_interrupted(std::uint64_t to, xen::cpu_user_regs const* regs, std::uint64_t cs, std::uint64_t rflags);
extern "C" std::uint64_t guest_put_interrupted_with_error(std::uint64_t to, xen::cpu_user_regs const* regs, std::uint64_t cs,
                                                          std::uint64_t rflags, std::uint64_t error_code);
inline constexpr std::uint64_t interrupted_words = 7;
[[nodiscard]] inline bool put_interrupted(std::uint64_t to, xen::cpu_user_regs const& regs, std::uint64_t cs, std::uint64_t rflags)
{
    return address_map::guest_range_ok(to, interrupted_words * 8) && guest_put_interrupted(to, &regs, cs, rflags) == 0;
}
[[nodiscard]] inline bool put_interrupted(std::uint64_t to, xen::cpu_user_regs const& regs, std::uint64_t cs, std::uint64_t rflags,
                                          std::uint64_t error_code)
{
    return address_map::guest_range_ok(to, (interrupted_words + 1) * 8) &&
           guest_put_interrupted_with_error(to, &regs, cs, rflags, error_code) == 0;
}

template <class T>
concept AbiType = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>;

/// Structures of few whole words, or of four bytes, take the short way.
template <class T>
inline constexpr bool is_short = (sizeof(T) % 8 == 0 && sizeof(T) <= most_words * 8) || sizeof(T) == 4;
template <class T>
[[nodiscard]] inline bool copied_shortly(void* to, void const* from)
{
    if constexpr (sizeof(T) == 4)
        return guest_copy_dword(to, from) == 0;
    else
        return word_copies[sizeof(T) / 8 - 1](to, from) == 0;
}

/// Copies one T in. Errno::efault; `to` is zeroed then.
template <AbiType T>
[[nodiscard]] inline Status copy_in(T& to, std::uint64_t from)
{
    if constexpr (is_short<T>) {
        if (address_map::guest_range_ok(from, sizeof(T)) &&
            copied_shortly<T>(&to, reinterpret_cast<void const*>(from))) [[likely]]
            return {};
        std::memset(static_cast<void*>(&to), 0, sizeof(T));
        return fail(Errno::efault);
    }
    return copy_bytes_in(&to, GuestVirtual{from}, sizeof(T));
}
/// Copies one T in and yields it. Errno::efault.
template <AbiType T>
[[nodiscard]] Result<T> fetch(std::uint64_t from)
{
    Result<T> result{std::in_place};
    if (Status copied = copy_in(*result, from); !copied) [[unlikely]]
        result = fail(copied.error());
    return result;
}
namespace detail {
/// Copies all bytes of T out, those between its members too.
template <AbiType T>
[[nodiscard]] inline Status copy_whole(std::uint64_t to, T const& from)
{
    if constexpr (is_short<T>) {
        if (address_map::guest_range_ok(to, sizeof(T)) &&
            copied_shortly<T>(reinterpret_cast<void*>(to), &from)) [[likely]]
            return {};
        return fail(Errno::efault);
    }
    return copy_bytes_out(GuestVirtual{to}, &from, sizeof(T));
}
} // namespace detail

/// Copies one T out. What lies between its members is zero: it may be what our stack held before. Errno::efault.
template <AbiType T>
[[nodiscard]] inline Status copy_out(std::uint64_t to, T const& from)
{
#if __has_builtin(__builtin_clear_padding)
    if constexpr (!std::has_unique_object_representations_v<T>) {
        T clean = from;
        __builtin_clear_padding(&clean);
        return detail::copy_whole(to, clean);
    }
#endif
    return detail::copy_whole(to, from);
}

/// A guest array of `count` elements of T: every access computes and checks its own address.
template <AbiType T>
class Array {
public:
    constexpr Array(std::uint64_t base, std::uint64_t count) : base_(base), count_(count) {}
    [[nodiscard]] constexpr std::uint64_t size() const { return count_; }
    [[nodiscard]] constexpr std::uint64_t address_of(std::uint64_t index) const { return base_ + index * sizeof(T); }
    /// Errno::efault outside the array or on a fault.
    [[nodiscard]] Result<T> at(std::uint64_t index) const
    {
        if (!reachable(index))
            return fail(Errno::efault);
        return fetch<T>(address_of(index));
    }
    /// The same into a place that is there already.
    [[nodiscard]] Status read(std::uint64_t index, T& to) const
    {
        if (!reachable(index))
            return fail(Errno::efault);
        return copy_in(to, address_of(index));
    }
    [[nodiscard]] Status put(std::uint64_t index, T const& value) const
    {
        if (!reachable(index))
            return fail(Errno::efault);
        return copy_out(address_of(index), value);
    }
    /// Copies `count` elements from `first` in; none at all is no error. Errno::efault.
    [[nodiscard]] Status read(std::uint64_t first, T* to, std::uint64_t count) const
    {
        if (first > count_ || count > count_ - first)
            return fail(Errno::efault);
        if (count == 0)
            return {};
        if (!reachable(first) || !reachable(first + count - 1))
            return fail(Errno::efault);
        return copy_bytes_in(to, GuestVirtual{address_of(first)}, count * sizeof(T));
    }

    /// Copies up to `count` elements from `first` in at one go; yields how many whole ones could be read.
    [[nodiscard]] std::uint64_t read_some(std::uint64_t first, T* to, std::uint64_t count) const
    {
        if (count == 1)
            return read(first, *to) ? 1 : 0;
        if (count == 0 || !reachable(first) || !reachable(first + count - 1))
            return 0;
        return copy_bytes_in_partial(to, GuestVirtual{address_of(first)}, count * sizeof(T)) / sizeof(T);
    }
    /// Copies elements out that read_some has read: what lies between their members is the guest's own. Errno::efault (a part
    /// may have been written).
    [[nodiscard]] Status put_back(std::uint64_t first, T const* from, std::uint64_t count) const
    {
        if (count == 1)
            return reachable(first) ? detail::copy_whole(address_of(first), *from) : fail(Errno::efault);
        if (count == 0 || !reachable(first) || !reachable(first + count - 1))
            return fail(Errno::efault);
        return copy_bytes_out(GuestVirtual{address_of(first)}, from, count * sizeof(T));
    }

private:
    [[nodiscard]] constexpr bool reachable(std::uint64_t index) const
    {
        constexpr std::uint64_t plenty = 1ull << 40; // so many elements fit nowhere; below, the product cannot overflow
        static_assert(sizeof(T) < 1ull << 23);
        return index < count_ && index < plenty && base_ + (index + 1) * sizeof(T) - 1 >= base_;
    }
    std::uint64_t base_;
    std::uint64_t count_;
};

} // namespace rf::guest
