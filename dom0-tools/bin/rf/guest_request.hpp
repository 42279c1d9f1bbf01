// SPDX-License-Identifier: MIT
#pragma once
/// What shutdown and reboot have in common.

#include "lifecycle/shutdown.hpp"
#include "verb.hpp"

namespace rf::cli {

/// Asks each domain named on the command line (or all, with --all); waits as --wait, --timeout and --force say.
[[nodiscard]] Result<void> ask_guests(const Invocation& invocation, lifecycle::GuestRequest request);

/// The options that `ask_guests` reads.
[[nodiscard]] std::vector<Option> guest_request_options();

}  // namespace rf::cli
