// SPDX-License-Identifier: MIT
#pragma once
/// What Dom0's kernel notes in the store about devices that its drivers could not serve:
///
///     /local/domain/0/error/backend/<kind>/<domain>/<device>/error
///
/// It notes a trouble whenever it notices it, which may be after the domain's last trace was removed (a device whose creation
/// was undone while the kernel was about to look at it). Nobody else removes these nodes, so they would pile up for ever.

#include "lifecycle/session.hpp"

namespace rf::lifecycle {

/// Above all such nodes: what to watch.
inline constexpr const char* error_reports = "/local/domain/0/error";

/// Removes reports about domains that are no more; an operator can read the others. True if some are left, to be looked at again
/// when a domain has gone.
[[nodiscard]] Result<bool> remove_stale_reports(Session& session);

}  // namespace rf::lifecycle
