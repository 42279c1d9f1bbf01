// SPDX-License-Identifier: MIT
#pragma once
/// Errors are values. Freestanding.

#include <expected>

#include "xen/errno.h"

namespace rf::runtime {

/// Why a call failed: a positive number of xen/errno.h, or the negated GNTST_* status of a grant operation.
struct Error {
    long number;
};

template <class T>
using Result = std::expected<T, Error>;

/// A hypercall's return value as a Result: negative numbers are errors.
[[nodiscard]] inline Result<long> checked(long value)
{
    if (value < 0)
        return std::unexpected(Error{-value});
    return value;
}

}  // namespace rf::runtime
