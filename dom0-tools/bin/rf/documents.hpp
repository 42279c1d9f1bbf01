// SPDX-License-Identifier: MIT
#pragma once
/// What is made from the verbs' tables when the project is installed, so that it cannot differ from what rf does.

#include <string>

namespace rf::cli {

/// rf(1) as roff.
[[nodiscard]] std::string manual_page();
/// Completion for bash: verbs, options, words that an option takes, domains' names.
[[nodiscard]] std::string bash_completion();
/// Exit codes and their meaning, one a line.
[[nodiscard]] std::string exit_codes();

}  // namespace rf::cli
