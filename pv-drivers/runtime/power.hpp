// SPDX-License-Identifier: MIT
#pragma once
/// The ways a guest ends.

#include <string_view>
#include <type_traits>

#include "result.hpp"
#include "xen/sched.h"

namespace rf::runtime {

/// Waits for the console's daemon to read what was written, then ends the domain.
[[noreturn]] void shutdown(xen::shutdown_reason reason);

/// Ends the domain without another word.
[[noreturn]] void shutdown_now(xen::shutdown_reason reason);

/// Prints what could not be done and why, then ends the domain as crashed.
[[noreturn]] void panic(std::string_view what, Error why);

/// The value of a result without which the guest cannot go on.
template <class T>
T require(Result<T> result, std::string_view what)
{
    if (!result)
        panic(what, result.error());
    if constexpr (!std::is_void_v<T>)
        return *result;
}

}  // namespace rf::runtime
