// SPDX-License-Identifier: MIT
#include "lifecycle/end_policy.hpp"

#include "xen/sched.h"

namespace rf::lifecycle {
namespace {

Next next_of(config::EndAction action)
{
    using config::EndAction;
    switch (action) {
    case EndAction::destroy:
    case EndAction::coredump_destroy: return Next::destroy;
    case EndAction::restart:
    case EndAction::coredump_restart: return Next::restart;
    case EndAction::preserve: return Next::keep;
    case EndAction::rename_restart: return Next::rename_restart;
    }
    return Next::destroy;
}

}  // namespace

EndDecision decide_end(const config::DomainSpec& spec, unsigned reason, std::int64_t lived, unsigned quick_ends)
{
    EndDecision decision;
    switch (reason) {
    case ::xen::SHUTDOWN_poweroff: decision.next = next_of(spec.on_poweroff); break;
    case ::xen::SHUTDOWN_reboot: decision.next = next_of(spec.on_reboot); break;
    case ::xen::SHUTDOWN_suspend: decision.next = Next::leave; break;
    default: decision.next = next_of(spec.on_crash); break;
    }
    if (decision.next != Next::restart && decision.next != Next::rename_restart)
        return decision;
    decision.quick_ends = lived < quick_end_seconds ? quick_ends + 1 : 0;
    if (decision.quick_ends >= most_quick_ends) {
        decision.restarts_exceeded = true;
        decision.next = decision.next == Next::rename_restart ? Next::keep : Next::destroy;
    }
    return decision;
}

bool restart_keeps(builder::Kind failure, unsigned failures)
{
    return failure == builder::Kind::unreachable && failures < most_quick_ends;
}

}  // namespace rf::lifecycle
