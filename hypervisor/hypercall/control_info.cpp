// SPDX-License-Identifier: MIT
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "hypercall/control.hpp"
#include "hypercall/control_settings.hpp"
#include "time/clock.hpp"

#include <algorithm>

namespace rf::hypercall {
namespace {

/// Toolstacks show this as "no limit".
constexpr std::uint64_t unlimited = 0xffff'ffffull;

/// vCPUs taken together.
struct Activity {
    Nanoseconds cpu_time = 0;
    std::uint32_t online = 0;
    std::uint32_t highest_id = xen::XEN_INVALID_MAX_VCPU_ID;
    bool some_runs = false;
    bool all_sleep = true;
};

[[nodiscard]] Activity activity_of(domain::Domain const& domain)
{
    Activity activity;
    Nanoseconds const now = time::now();
    domain.for_each_vcpu([&](domain::Vcpu const& vcpu) {
        activity.highest_id = vcpu.id();
        activity.cpu_time += vcpu.runstate().at(now).time[xen::RUNSTATE_running];
        if (!vcpu.is_up())
            return;
        ++activity.online;
        activity.some_runs = activity.some_runs || vcpu.is_running();
        activity.all_sleep = activity.all_sleep && vcpu.is_blocked();
    });
    return activity;
}

[[nodiscard]] std::uint32_t flags_of(domain::Domain const& domain, Activity const& activity, Settings const& settings)
{
    std::uint32_t flags = 0;
    if (domain.life.load(acquire) != domain::LifeState::alive)
        flags |= xen::XEN_DOMINF_dying;
    if (domain.is_shut_down.load(acquire))
        flags |= xen::XEN_DOMINF_shutdown |
                 (domain.shutdown_code.load(acquire) & xen::XEN_DOMINF_shutdownmask) << xen::XEN_DOMINF_shutdownshift;
    if (domain.controller_pauses.load(relaxed) > 0)
        flags |= xen::XEN_DOMINF_paused;
    if (activity.all_sleep)
        flags |= xen::XEN_DOMINF_blocked;
    if (activity.some_runs)
        flags |= xen::XEN_DOMINF_running;
    if (settings.debugged)
        flags |= xen::XEN_DOMINF_debugged;
    if (settings.hosts_store)
        flags |= xen::XEN_DOMINF_xs_domain;
    return flags;
}

} // namespace

xen::xen_domctl_getdomaininfo describe(domain::Domain const& domain)
{
    Activity const activity = activity_of(domain);
    Settings const settings = settings_of(domain);
    xen::xen_domctl_getdomaininfo info{};
    info.domain = domain.id().value;
    info.flags = flags_of(domain, activity, settings);
    info.tot_pages = domain.memory.pages();
    info.max_pages = std::min(domain.memory.limit(), unlimited);
    info.outstanding_pages = domain.memory.claimed();
    info.shared_info_frame = domain.shared_info_frame().value;
    info.cpu_time = activity.cpu_time;
    info.nr_online_vcpus = activity.online;
    info.max_vcpu_id = activity.highest_id;
    info.ssidref = domain.security_id;
    std::copy(domain.handle.begin(), domain.handle.end(), info.handle);
    info.arch_config = settings.architecture;
    return info;
}

} // namespace rf::hypercall
