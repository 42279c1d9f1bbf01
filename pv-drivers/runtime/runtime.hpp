// SPDX-License-Identifier: MIT
#pragma once
/// Everything a guest in one file needs. The guest defines `guest_main`; when that returns, the domain powers off.

#include "console.hpp"
#include "control.hpp"
#include "events.hpp"
#include "exceptions.hpp"
#include "grants.hpp"
#include "memory.hpp"
#include "power.hpp"
#include "processors.hpp"
#include "store.hpp"
#include "timer.hpp"

/// The guest's program. It runs with console, events, timer and exceptions ready; `grants`, `store` and `control` (in this order)
/// are initialised by those that use them, the store by `connect_store`.
void guest_main();

namespace rf::runtime {

/// What the domain builder told the guest.
[[nodiscard]] const xen::start_info& start_info();

/// The value of the word `name=value` on the command line; empty if there is none.
[[nodiscard]] std::string_view command_line_value(std::string_view name);

/// The runtime's services as frontends want them (front/doors.hpp).
[[nodiscard]] inline front::Doors doors()
{
    return {memory, grants, events, store};
}

}  // namespace rf::runtime
