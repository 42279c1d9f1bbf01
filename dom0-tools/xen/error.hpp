// SPDX-License-Identifier: MIT
#pragma once
/// The error value of the kernel doors: an errno and one sentence that names the failed step and its object.
/// Errors are values; nothing in this room throws.

#include <cstring>
#include <expected>
#include <string>
#include <utility>

namespace rf::xen {

/// Why a step failed. `code` is a positive errno (hypervisor errnos have the same numbers).
struct Error {
    int code = 0;
    std::string message;

    /// One line for a human: "what failed: reason".
    [[nodiscard]] std::string text() const { return message + ": " + std::strerror(code); }
};

template <class T>
using Result = std::expected<T, Error>;

/// Builds the failure branch of a Result. `code` may be given as errno or as negative errno.
[[nodiscard]] inline std::unexpected<Error> failure(long code, std::string message)
{
    return std::unexpected(Error{static_cast<int>(code < 0 ? -code : code), std::move(message)});
}

}  // namespace rf::xen
