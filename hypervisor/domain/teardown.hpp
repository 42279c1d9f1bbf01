// SPDX-License-Identifier: MIT
#pragma once
/// The end of a domain, in steps that each stop when their budget is used up and go on at the next call.

#include "base/budget.hpp"
#include "base/types.hpp"

namespace rf::domain {

class Domain;

/// Where destruction stands; kept in the domain. Page tables go before grants: an entry that maps a granted frame is never
/// without its grant.
struct Teardown {
    enum class Phase : std::uint8_t { stop, events, roots, pins, grants, frames, finished };
    Phase phase = Phase::stop;
    VcpuId vcpu = 0;               ///< next to release
    Mfn place{0};                  ///< to which the walk over the frames has come
};

/// Goes on destroying `domain`, which is not the caller's own and whose vCPUs do not run (Domain::pause). The caller holds
/// Domain::control_lock. When done, the
/// domain is a zombie: gone but for frames that others still map; reap() removes it after the last of them.
[[nodiscard]] Progress destroy_step(Domain& domain, Budget& budget);

/// Removes zombies that nothing refers to any more; deferred work of the exit path.
void reap();
/// Called after domains were removed, with no lock held (room audit/).
void set_after_reap(void (*hook)());

} // namespace rf::domain
