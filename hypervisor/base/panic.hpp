// SPDX-License-Identifier: MIT
#pragma once
/// The last resort: for states that no input can produce. Guest input must never reach it.

#include <source_location>
#include <string_view>

namespace rf {

/// Prints why and where, dumps what is known, then reboots or halts as the command line says. Safe in any context.
[[noreturn]] void panic(std::string_view why, std::source_location where = std::source_location::current());

/// Checks an invariant in all builds.
constexpr void require(bool condition, std::string_view claim,
                       std::source_location where = std::source_location::current())
{
    if (!condition) [[unlikely]]
        panic(claim, where);
}

} // namespace rf
