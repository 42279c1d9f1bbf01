// SPDX-License-Identifier: MIT
#pragma once
/// The doors that an operation on domains needs, opened once: hypervisor and store. One per thread.

#include <chrono>
#include <optional>
#include <string>

#include "builder/failure.hpp"
#include "rpc/store_client.hpp"
#include "xen/domain_control.hpp"
#include "xen/memory_control.hpp"
#include "xen/privcmd.hpp"
#include "xen/system_control.hpp"

namespace rf::lifecycle {

using builder::Failure;
using builder::Kind;
using builder::Result;
using builder::fail;
using xen::DomainId;

struct Session {
    xen::Privcmd privcmd;
    rpc::StoreClient store;

    /// Unreachable when this is not Dom0 of a running hypervisor, or the store does not run.
    [[nodiscard]] static Result<Session> open();

    [[nodiscard]] xen::DomainControl control() { return xen::DomainControl(privcmd); }
    [[nodiscard]] xen::MemoryControl memory() { return xen::MemoryControl(privcmd); }
    [[nodiscard]] xen::SystemControl system() { return xen::SystemControl(privcmd); }

    /// Waits until the store reports anything, at most until `deadline`; false at the deadline.
    [[nodiscard]] Result<bool> wait_for_store(std::chrono::steady_clock::time_point deadline);
    /// Whether the store answers. If the connection has broken, connects again until `deadline`: whoever restarts the store needs
    /// a moment, and its successor has the whole tree. Watches and transactions of the old connection are lost.
    [[nodiscard]] bool regain_store(std::chrono::steady_clock::time_point deadline);
};

/// Opens only the hypervisor's door.
[[nodiscard]] Result<xen::Privcmd> open_hypervisor();

}  // namespace rf::lifecycle
