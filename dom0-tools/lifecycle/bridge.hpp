// SPDX-License-Identifier: MIT
#pragma once
/// Network interfaces of Dom0, as far as the toolstack handles them: attach to a bridge, bring up, rename.

#include <string>

#include "builder/failure.hpp"

namespace rf::lifecycle {

/// Whether an interface, or a bridge, of that name exists.
[[nodiscard]] bool interface_exists(const std::string& name);
[[nodiscard]] bool is_bridge(const std::string& name);

/// Renames the interface, which must be down.
[[nodiscard]] builder::Result<void> rename_interface(const std::string& from, const std::string& to);
[[nodiscard]] builder::Result<void> set_interface_mtu(const std::string& name, unsigned mtu);
/// Attaches to `bridge` unless that is empty, and brings the interface up.
[[nodiscard]] builder::Result<void> connect_interface(const std::string& name, const std::string& bridge);

}  // namespace rf::lifecycle
