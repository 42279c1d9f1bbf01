// SPDX-License-Identifier: MIT
#pragma once
/// Asking a guest to end itself: the store node control/shutdown, which the guest empties when it has taken notice.

#include "lifecycle/domain_list.hpp"

namespace rf::lifecycle {

enum class GuestRequest { poweroff, reboot };

/// Asks, and waits until the guest has taken notice; guest_refused at the deadline (the request stays in the store, so a
/// guest that is still booting will find it).
[[nodiscard]] Result<void> request_shutdown(Session& session, const DomainView& domain, GuestRequest request,
                                            std::chrono::steady_clock::time_point deadline);

/// Waits until the domain has ended: it is gone, or stands shut down with nobody there to take it down.
[[nodiscard]] Result<void> wait_for_end(Session& session, const DomainView& domain, std::chrono::steady_clock::time_point deadline);

}  // namespace rf::lifecycle
