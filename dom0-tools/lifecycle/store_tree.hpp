// SPDX-License-Identifier: MIT
#pragma once
/// The store nodes of a domain, as guests' drivers and Debian's tools expect them. Pure: lists to be written in one
/// transaction, parents first.
///
///     /local/domain/N           readable by the guest; of what lies below it may write only:
///       data drivers feature attr error control/{shutdown,sysrq,feature-*} device/suspend device/<kind>/<id>
///     /vm/<uuid>                readable by the guest
///     /local/domain/0/backend/<kind>/N/<id>   readable by the guest, written by the backend
///
/// A block device that our own process serves has backend kind qdisk, a network device rfnet: the kernel's drivers take
/// only vbd and vif.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/domain_builder.hpp"
#include "config/domain_spec.hpp"
#include "rpc/store_client.hpp"
#include "xen/types.hpp"

namespace rf::lifecycle {

/// Where Dom0 keeps its side of all devices.
inline constexpr std::string_view backend_root = "/local/domain/0/backend";

using StoreEntry = rpc::NodeWrite;
using StoreEntries = std::vector<StoreEntry>;

/// The domain's own nodes, without devices. `built` is absent as long as there are no rings yet.
[[nodiscard]] StoreEntries domain_entries(const config::DomainSpec& spec, xen::DomainId domain, std::int64_t start_time);
/// Where the rings are; written when the domain is built.
[[nodiscard]] StoreEntries ring_entries(xen::DomainId domain, const builder::BuiltDomain& built);

/// Where the two halves of a device lie.
struct DevicePaths {
    std::string frontend;
    std::string backend;
};
[[nodiscard]] DevicePaths disk_paths(xen::DomainId domain, const config::DiskSpec& disk);
[[nodiscard]] DevicePaths interface_paths(xen::DomainId domain, const config::InterfaceSpec& interface, std::size_t index);

/// Where Dom0's kernel shows a backend (its directory in the store) that one of its own drivers serves; "" for a kind that
/// none of them serves.
[[nodiscard]] std::string kernel_device_path(std::string_view backend);

/// Both halves of a disk. `physical_device` is "major:minor" in hexadecimal, for a disk that the kernel serves.
[[nodiscard]] StoreEntries disk_entries(xen::DomainId domain, const config::DiskSpec& disk, const std::string& physical_device);
[[nodiscard]] StoreEntries interface_entries(xen::DomainId domain, const config::InterfaceSpec& interface, std::size_t index);

/// Name of an interface's device in Dom0.
[[nodiscard]] std::string interface_device(xen::DomainId domain, const config::InterfaceSpec& interface, std::size_t index);

}  // namespace rf::lifecycle
