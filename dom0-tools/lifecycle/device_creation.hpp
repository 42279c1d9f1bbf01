// SPDX-License-Identifier: MIT
#pragma once
/// The device halves that the toolstack makes, in two steps, so that backends start while the domain is being built: what is
/// to stand in the store, and later the wait until every backend is ready for the guest. In between the object keeps loop
/// devices alive that the kernel's driver has not opened yet.

#include <vector>

#include "config/domain_spec.hpp"
#include "lifecycle/devices.hpp"
#include "lifecycle/loop_device.hpp"
#include "lifecycle/store_tree.hpp"

namespace rf::lifecycle {

class DeviceCreation {
public:
    DeviceCreation(const config::DomainSpec& spec, DomainId domain) : spec_(spec), domain_(domain) {}

    /// The nodes of both halves of all devices.
    [[nodiscard]] Result<StoreEntries> prepare();
    /// Waits until every backend is ready; connects what the kernel's backends leave to the toolstack.
    [[nodiscard]] Result<void> complete(Session& session, Clock::time_point deadline);

private:
    [[nodiscard]] Result<void> complete_disk(Session& session, const config::DiskSpec& disk, Clock::time_point deadline);
    [[nodiscard]] Result<void> complete_interface(Session& session, std::size_t index, Clock::time_point deadline);

    const config::DomainSpec& spec_;
    DomainId domain_;
    std::vector<LoopDevice> loops_;
};

}  // namespace rf::lifecycle
