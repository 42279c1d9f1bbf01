// SPDX-License-Identifier: MIT
#pragma once
/// Giving privileges up. After `confine` the process is nobody in particular, sees an empty file system and no network of its
/// own, and may make only the system calls that serving open devices takes; any other kills it.

#include <cstdint>

#include "xen/error.hpp"

namespace rf::backd {

/// What cannot be had is logged and done without only where it adds to, not where it makes up, the confinement: separate
/// name spaces. Everything else fails as a whole.
[[nodiscard]] xen::Result<void> confine(std::uint16_t domain, int event_channel_device);

}  // namespace rf::backd
