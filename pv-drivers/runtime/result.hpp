// SPDX-License-Identifier: MIT
#pragma once
/// Errors are values, the same as the frontends'. Freestanding.

#include "front/result.hpp"

namespace rf::runtime {

using front::Error;
using front::Result;

/// A hypercall's return value as a Result: negative numbers are errors.
[[nodiscard]] inline Result<long> checked(long value)
{
    if (value < 0)
        return front::failure(-value);
    return value;
}

}  // namespace rf::runtime
