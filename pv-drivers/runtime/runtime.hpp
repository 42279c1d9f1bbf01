// SPDX-License-Identifier: MIT
#pragma once
/// Everything a guest in one file needs. The guest defines `guest_main`; when that returns, the domain powers off.

#include "console.hpp"
#include "events.hpp"
#include "exceptions.hpp"
#include "grants.hpp"
#include "memory.hpp"
#include "power.hpp"
#include "timer.hpp"

/// The guest's program. It runs with console, events, timer and exceptions ready; `grants.initialise()` is its own choice.
void guest_main();

namespace rf::runtime {

/// What the domain builder told the guest.
[[nodiscard]] const xen::start_info& start_info();

}  // namespace rf::runtime
