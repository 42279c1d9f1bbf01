// SPDX-License-Identifier: MIT
#pragma once
/// The command line to a verb and its arguments, or to help. The only file that knows CLI11.

#include <variant>

#include "verb.hpp"

namespace rf::cli {

/// A verb to run.
struct Call {
    const Verb* verb;
    Invocation invocation;
};
/// Text to print instead.
struct Answer {
    std::string text;
};

/// A verb may be abbreviated as long as it is unique, as with xl. Failures are Kind::invalid.
[[nodiscard]] Result<std::variant<Call, Answer>> parse_command_line(int count, char** arguments);

}  // namespace rf::cli
