// SPDX-License-Identifier: MIT
#pragma once
/// Why an operation on a domain failed: a kind that scripts can act on (it becomes rf's exit code) and one message for a
/// human that names what failed, why, and what to do.

#include <cerrno>
#include <expected>
#include <string>
#include <utility>

#include "xen/error.hpp"

namespace rf::builder {

/// The values are rf's exit codes.
enum class Kind {
    internal = 1,
    invalid = 2,        ///< usage or definition
    not_found = 3,
    conflict = 4,       ///< wrong state, name taken, locked
    not_permitted = 5,
    no_resource = 6,    ///< memory, grants, processors, disk space
    timeout = 7,
    guest_refused = 8,  ///< the guest does not answer, or has no driver
    unreachable = 9,    ///< backend, daemon, store or hypervisor
};

struct Failure {
    Kind kind = Kind::internal;
    std::string what;
};

template <class T>
using Result = std::expected<T, Failure>;

[[nodiscard]] inline std::unexpected<Failure> fail(Kind kind, std::string what)
{
    return std::unexpected(Failure{kind, std::move(what)});
}

/// The kind that an errno of a kernel door stands for.
[[nodiscard]] constexpr Kind kind_of(int code)
{
    switch (code) {
    case EPERM:
    case EACCES: return Kind::not_permitted;
    case ESRCH: return Kind::not_found;
    case EBUSY:
    case EEXIST: return Kind::conflict;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case EDQUOT: return Kind::no_resource;
    case ETIMEDOUT: return Kind::timeout;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENODEV:
    case ENXIO:
    case ENOSYS: return Kind::unreachable;
    default: return Kind::internal;
    }
}

/// Hands an error of a lower room on, perhaps with what was being done.
[[nodiscard]] inline std::unexpected<Failure> fail(const xen::Error& error, const std::string& doing = {})
{
    return fail(kind_of(error.code), doing.empty() ? error.text() : doing + ": " + error.text());
}

}  // namespace rf::builder

/// Evaluates a Result of any room; yields its value or leaves the function with its failure.
#define BUILD_TRY(expression)                                                                                          \
    ({                                                                                                                 \
        auto result_ = (expression);                                                                                   \
        if (!result_)                                                                                                  \
            return ::rf::builder::as_failure(std::move(result_.error()));                                              \
        std::move(*result_);                                                                                           \
    })
/// As BUILD_TRY for results without value.
#define BUILD_CHECK(expression)                                                                                        \
    do {                                                                                                               \
        if (auto result_ = (expression); !result_)                                                                     \
            return ::rf::builder::as_failure(std::move(result_.error()));                                              \
    } while (false)

namespace rf::builder {

[[nodiscard]] inline std::unexpected<Failure> as_failure(Failure failure) { return std::unexpected(std::move(failure)); }
[[nodiscard]] inline std::unexpected<Failure> as_failure(const xen::Error& error) { return fail(error); }

}  // namespace rf::builder
