// SPDX-License-Identifier: MIT
#pragma once
/// The device halves that the toolstack makes: waiting for backends, kernel backends' needs (loop devices, bridges), and
/// taking devices down. Store nodes are the only memory: taking down works from what the store lists, whoever made it.

#include <chrono>
#include <string>
#include <vector>

#include "config/domain_spec.hpp"
#include "lifecycle/session.hpp"
#include "lifecycle/store_tree.hpp"

namespace rf::lifecycle {

using Clock = std::chrono::steady_clock;

/// Writes entries in one transaction.
[[nodiscard]] Result<void> write_entries(Session& session, const StoreEntries& entries);

/// Writes both halves of all devices and waits until every backend is ready for the guest.
[[nodiscard]] Result<void> create_devices(Session& session, const config::DomainSpec& spec, DomainId domain,
                                          Clock::time_point deadline);

/// Asks every backend of `domain` to close, waits for them until the deadline, and removes both halves. Yields the backends
/// that did not close in time; their nodes are removed too.
[[nodiscard]] Result<std::vector<std::string>> remove_devices(Session& session, DomainId domain, Clock::time_point deadline);

}  // namespace rf::lifecycle
