// SPDX-License-Identifier: MIT
#pragma once
/// Errors are values. Every fallible function returns Result<T>: a T, or one Errno in the numbering that guests see.

#include <cstdint>
#include <expected>
#include <type_traits>
#include <utility>

namespace rf {

/// Error numbers of the guest ABI (public header errno.h); a hypercall returns them negated.
enum class Errno : int {
    eperm = 1,
    enoent = 2,
    esrch = 3,
    eintr = 4,
    eio = 5,
    enxio = 6,
    e2big = 7,
    ebadf = 9,
    eagain = 11,
    enomem = 12,
    eacces = 13,
    efault = 14,
    ebusy = 16,
    eexist = 17,
    exdev = 18,
    enodev = 19,
    einval = 22,
    enospc = 28,
    erange = 34,
    enosys = 38,
    enodata = 61,
    eoverflow = 75,
    eilseq = 84,
    erestart = 85,
    eopnotsupp = 95,
    enobufs = 105,
    eisconn = 106,
    etimedout = 110,
};

template <class T>
using Result = std::expected<T, Errno>;

/// A result that carries no value.
using Status = Result<void>;

/// Shorthand for returning an error: `return fail(Errno::einval);`.
[[nodiscard]] constexpr std::unexpected<Errno> fail(Errno error) { return std::unexpected<Errno>(error); }

/// The negative number that a guest receives for an error.
[[nodiscard]] constexpr std::int64_t to_guest(Errno error) { return -static_cast<std::int64_t>(error); }

namespace detail {
template <class T>
constexpr T take(std::expected<T, Errno>& result)
{
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}
} // namespace detail

} // namespace rf

/// Evaluates a Result; yields its value, or leaves the function with the same error.
#define TRY(expression)                                                                                                \
    ({                                                                                                                 \
        auto try_result_ = (expression);                                                                               \
        if (!try_result_) [[unlikely]]                                                                                 \
            return ::rf::fail(try_result_.error());                                                                    \
        ::rf::detail::take(try_result_);                                                                               \
    })
