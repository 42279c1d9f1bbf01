// SPDX-License-Identifier: MIT
#pragma once
/// Tells the service manager that the daemon is ready (the sd_notify protocol, which is one datagram).

namespace rf::rpc {

/// Does nothing when the process was not started by a service manager that wants to know.
void notify_ready();

}  // namespace rf::rpc
