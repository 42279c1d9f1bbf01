// SPDX-License-Identifier: MIT
#pragma once
/// Takes a domain down and removes every trace: pages, event channels, grants, devices, store nodes, record. Works on
/// whatever is left of a domain, any number of times.

#include "lifecycle/session.hpp"
#include "lifecycle/state_directory.hpp"

namespace rf::lifecycle {

/// Ends the domain at once. The caller holds the domain's lock. timeout if something still holds pages in the end; the
/// message says what.
[[nodiscard]] Result<void> destroy_domain(Session& session, const StateDirectory& state, DomainId id);

/// Takes the lock and destroys by order: on_* actions do not apply.
[[nodiscard]] Result<void> destroy_by_order(Session& session, const StateDirectory& state, DomainId id);

/// Removes devices, store nodes and record of a domain that the hypervisor no longer has, or is destroying.
[[nodiscard]] Result<void> remove_traces(Session& session, const StateDirectory& state, DomainId id);

}  // namespace rf::lifecycle
