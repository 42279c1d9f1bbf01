// SPDX-License-Identifier: MIT
#pragma once
/// Giving privileges up. After `confine` the process is nobody in particular, sees an empty file system and no network of its
/// own, and may make only the system calls that serving open devices takes; any other kills it.

#include <cstdint>
#include <initializer_list>
#include <sys/types.h>

#include "xen/error.hpp"

namespace rf::backd {

/// Closes every descriptor from 3 on but these: what the program was started with, and what its other half needs.
[[nodiscard]] xen::Result<void> close_all_but(std::initializer_list<int> kept);

/// What cannot be had is logged and done without only where it adds to, not where it makes up, the confinement: separate
/// name spaces. Everything else fails as a whole.
/// `parent` is the privileged half: without it this one ends at once.
[[nodiscard]] xen::Result<void> confine(std::uint16_t domain, pid_t parent, int event_channel_device);

/// The last step of it by itself: from now on, a system call that serving does not need kills the process.
[[nodiscard]] xen::Result<void> filter_system_calls();

}  // namespace rf::backd
