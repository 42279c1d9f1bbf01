// SPDX-License-Identifier: MIT
#pragma once
/// Taking devices down. Store nodes are the only memory: this works from what the store lists, whoever made it.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "lifecycle/session.hpp"

namespace rf::lifecycle {

using Clock = std::chrono::steady_clock;

/// Asks every backend of `domain` to close, waits for them until the deadline, and removes both halves. Yields the backends
/// that did not close in time; their nodes are removed too.
[[nodiscard]] Result<std::vector<std::string>> remove_devices(Session& session, DomainId domain, Clock::time_point deadline);

/// Names of a node's children; none if it is not there.
[[nodiscard]] Result<std::vector<std::string>> children_of(Session& session, const std::string& path);

/// Removes a node of the store with all below it, and the directories above it up to `top` as long as they hold nothing any
/// more. As one transaction: somebody may be adding to them, and we may die at any moment.
[[nodiscard]] Result<void> remove_with_empty_parents(Session& session, const std::string& path, std::string_view top);

}  // namespace rf::lifecycle
