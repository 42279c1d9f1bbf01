// SPDX-License-Identifier: MIT
#pragma once
/// The one way out of the hypervisor.

#include <cstdint>

namespace rf::entry {

enum class Return : std::uint32_t { iret = 0, sysret = 1 };

/// Does pending work, chooses who runs, delivers events; sleeps while there is nobody to run. Comes back when the guest
/// in StackTop::guest is to be resumed.
[[nodiscard]] Return leave();

} // namespace rf::entry
