// SPDX-License-Identifier: MIT
#pragma once
/// What becomes of a domain that has shut down. Pure.
///
///     reason      asks           destroy -> gone          preserve -> kept
///     poweroff    on_poweroff    restart -> gone, created anew under its name and uuid
///     reboot      on_reboot      rename-restart -> kept under another name, created anew
///     crash, watchdog, soft reset   on_crash
///     suspend     nothing: whoever suspended it goes on with it

#include "builder/failure.hpp"
#include "config/domain_spec.hpp"

namespace rf::lifecycle {

enum class Next { destroy, restart, keep, rename_restart, leave };

/// A domain that ends this soon after its start, this often in a row, is not restarted again.
inline constexpr std::int64_t quick_end_seconds = 10;
inline constexpr unsigned most_quick_ends = 5;

struct EndDecision {
    Next next = Next::leave;
    unsigned quick_ends = 0;      ///< to carry over
    bool restarts_exceeded = false;
};

/// `reason` is SHUTDOWN_*; `lived` in seconds since creation; `quick_ends` those before this end.
[[nodiscard]] EndDecision decide_end(const config::DomainSpec& spec, unsigned reason, std::int64_t lived, unsigned quick_ends);

/// Whether a restart that could not be carried out stays to be tried again: when what failed was a daemon, which comes back.
/// What a user must see to would fail for ever. `failures`: how often it failed in a row, this time included.
[[nodiscard]] bool restart_keeps(builder::Kind failure, unsigned failures);

}  // namespace rf::lifecycle
