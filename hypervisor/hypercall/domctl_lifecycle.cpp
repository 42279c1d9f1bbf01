// SPDX-License-Identifier: MIT
/// domctl: a domain's life, from creation over pauses to destruction.
#include "domain/teardown.hpp"
#include "hypercall/control_settings.hpp"
#include "hypercall/domctl.hpp"

#include <algorithm>

namespace rf::hypercall::domctls {
namespace {

using domain::LifeState;

/// Flags that mean something here: hosting the store is only remembered. Devices are not passed through, and there is no
/// hardware virtualisation.
constexpr std::uint32_t known_flags = xen::XEN_DOMCTL_CDF_xs_domain;
constexpr std::uint32_t default_grant_frames = 64;
constexpr std::uint32_t default_maptrack_frames = 1024;
constexpr std::int32_t most_pauses = 255;

/// -1 takes the default.
[[nodiscard]] Result<std::uint32_t> decode_frames(std::int32_t asked, std::uint32_t usual)
{
    if (asked < -1)
        return fail(Errno::einval);
    return asked == -1 ? usual : static_cast<std::uint32_t>(asked);
}

[[nodiscard]] Result<domain::Configuration> decode(xen::xen_domctl_createdomain const& request)
{
    if (request.flags & ~known_flags || request.iommu_opts || request.vmtrace_size ||
        request.arch.emulation_flags || request.arch.misc_flags & ~xen::XEN_X86_MISC_FLAGS_MAX)
        return fail(Errno::einval);
    // The highest grant version allowed; domains get version 1, and one without any grants would be of no use.
    std::uint32_t const version = xen::XEN_DOMCTL_GRANT_version(request.grant_opts);
    if (request.grant_opts != version || version < 1 || version > 2)
        return fail(Errno::einval);
    if (request.cpupool_id != 0)
        return fail(Errno::enoent);
    domain::Configuration configuration;
    configuration.max_vcpus = request.max_vcpus;
    configuration.max_event_port = request.max_evtchn_port;
    configuration.max_grant_frames = TRY(decode_frames(request.max_grant_frames, default_grant_frames));
    configuration.max_maptrack_frames = TRY(decode_frames(request.max_maptrack_frames, default_maptrack_frames));
    std::copy_n(request.handle, configuration.handle.size(), configuration.handle.begin());
    configuration.security_id = request.ssidref;
    return configuration;
}

} // namespace

Result<Reply> createdomain(xen::xen_domctl& op)
{
    xen::xen_domctl_createdomain const& request = op.u.createdomain;
    auto const configuration = TRY(decode(request));
    DomainId id{op.domain};
    if (id == domain_zero || id >= domid_first_reserved)
        id = TRY(domain::unused_id());
    else if (domain::find(id))
        return fail(Errno::eexist);
    auto fresh = TRY(Domain::create(id, configuration));
    fresh->pause(); // its builder unpauses it
    TRY(domain::enter(std::move(fresh)));
    Settings settings;
    settings.architecture = request.arch;
    settings.hosts_store = request.flags & xen::XEN_DOMCTL_CDF_xs_domain;
    auto const entered = TRY(domain::find(id));
    {
        LockGuard guard(entered->control_lock);
        TRY(store_settings(*entered, settings));
    }
    op.domain = id.value;
    return Reply::data;
}

Result<Reply> getdomaininfo(xen::xen_domctl& op)
{
    auto const domain = TRY(domain::find_from(DomainId{op.domain}));
    op.u.getdomaininfo = describe(*domain);
    op.domain = domain->id().value;
    return Reply::data;
}

Result<Reply> destroydomain(Domain& domain, xen::xen_domctl&)
{
    // From here on nobody unpauses it. Then its vCPUs leave their CPUs before the lock is held for longer, because one of
    // them may be waiting for that lock.
    if (domain.life.load(acquire) == LifeState::alive) {
        LockGuard guard(domain.control_lock);
        domain.life.store(LifeState::dying, release);
    }
    if (domain.teardown.phase == domain::Teardown::Phase::stop) {
        domain.pause();
        (void)domain.memory.set_claim(0); // ending a claim cannot fail
    }
    constexpr std::uint32_t units_per_segment = 256; // of 160 instructions (docs/security/bounds.md)
    Budget budget{units_per_segment};
    LockGuard guard(domain.control_lock);
    if (domain::destroy_step(domain, budget) == Progress::more)
        return Reply::unfinished;
    forget_settings(domain);
    return Reply::none;
}

Result<Reply> pausedomain(Domain& domain, xen::xen_domctl&)
{
    if (domain.controller_pauses.load(relaxed) >= most_pauses)
        return fail(Errno::ebusy);
    domain.pause();
    return Reply::none;
}

Result<Reply> unpausedomain(Domain& domain, xen::xen_domctl&)
{
    LockGuard guard(domain.control_lock); // destruction's own pause must stay
    if (domain.life.load(acquire) != LifeState::alive)
        return fail(Errno::esrch);
    if (domain.controller_pauses.load(relaxed) <= 0)
        return fail(Errno::einval);
    domain.unpause();
    return Reply::none;
}

Result<Reply> resumedomain(Domain& domain, xen::xen_domctl&)
{
    LockGuard guard(domain.control_lock);
    if (domain.life.load(acquire) != LifeState::alive)
        return fail(Errno::esrch);
    domain.resume();
    return Reply::none;
}

Result<Reply> max_vcpus(Domain& domain, xen::xen_domctl& op)
{
    if (op.u.max_vcpus.max != domain.vcpu_limit())
        return fail(Errno::einval);
    LockGuard guard(domain.control_lock);
    if (domain.life.load(acquire) != LifeState::alive)
        return fail(Errno::esrch);
    for (VcpuId id = 0; id < domain.vcpu_limit(); ++id)
        if (!domain.vcpu(id))
            TRY(domain.create_vcpu(id));
    return Reply::none;
}

} // namespace rf::hypercall::domctls
