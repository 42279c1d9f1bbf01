// SPDX-License-Identifier: MIT
#pragma once
/// Errors are values. Freestanding.

#include <expected>

#include "xen/errno.h"

namespace rf::front {

/// Why a call failed: a positive number of xen/errno.h, or the negated GNTST_* status of a grant operation.
struct Error {
    long number;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] constexpr std::unexpected<Error> failure(long number)
{
    return std::unexpected(Error{number});
}

}  // namespace rf::front
