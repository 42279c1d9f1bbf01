// SPDX-License-Identifier: MIT
#include "xen/domain_control.hpp"

#include <algorithm>
#include <cerrno>

#include "xen/numbers.h"

namespace rf::xen {
Result<void> DomainControl::call(DomainId domain, ::xen::xen_domctl& block, const char* what)
{
    block.interface_version = ::xen::XEN_DOMCTL_INTERFACE_VERSION;
    block.domain = domain.value;
    auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_domctl, {}, 0, block, what);
    if (done)
        return {};
    Error error = std::move(done.error());
    error.message += " (domain " + std::to_string(domain.value) + ")";
    if (error.code == EACCES)
        error.message += "; the hypervisor speaks another control interface version";
    return std::unexpected(std::move(error));
}

Result<void> DomainControl::simple(DomainId domain, std::uint32_t command, const char* what)
{
    auto block = domctl_request(command);
    return call(domain, block, what);
}

Result<DomainId> DomainControl::create(const ::xen::xen_domctl_createdomain& configuration, DomainId wanted)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_createdomain);
    block.u.createdomain = configuration;
    if (auto done = call(wanted, block, "cannot create a domain"); !done)
        return std::unexpected(done.error());
    return DomainId(block.domain);
}

Result<void> DomainControl::destroy(DomainId domain)
{
    for (;;) {
        auto done = simple(domain, ::xen::XEN_DOMCTL_destroydomain, "cannot destroy the domain");
        if (done || done.error().code != EAGAIN)
            return done;
    }
}

Result<void> DomainControl::pause(DomainId domain)
{
    return simple(domain, ::xen::XEN_DOMCTL_pausedomain, "cannot pause the domain");
}

Result<void> DomainControl::unpause(DomainId domain)
{
    return simple(domain, ::xen::XEN_DOMCTL_unpausedomain, "cannot unpause the domain");
}

Result<void> DomainControl::resume(DomainId domain)
{
    return simple(domain, ::xen::XEN_DOMCTL_resumedomain, "cannot resume the domain");
}

Result<::xen::xen_domctl_getdomaininfo> DomainControl::info(DomainId domain)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_getdomaininfo);
    if (auto done = call(domain, block, "cannot get information on the domain"); !done)
        return std::unexpected(done.error());
    if (block.domain != domain.value)
        return failure(ESRCH, "there is no domain " + std::to_string(domain.value));
    return block.u.getdomaininfo;
}

Result<void> DomainControl::set_handle(DomainId domain, std::span<const std::uint8_t, 16> uuid)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_setdomainhandle);
    std::copy(uuid.begin(), uuid.end(), block.u.setdomainhandle.handle);
    return call(domain, block, "cannot set the domain's identifier");
}

Result<void> DomainControl::set_max_memory(DomainId domain, std::uint64_t kib)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_max_mem);
    block.u.max_mem.max_memkb = kib;
    return call(domain, block, "cannot set the memory limit");
}

Result<void> DomainControl::set_max_vcpus(DomainId domain, std::uint32_t count)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_max_vcpus);
    block.u.max_vcpus.max = count;
    return call(domain, block, "cannot set the number of vCPUs");
}

Result<void> DomainControl::set_address_size(DomainId domain, std::uint32_t bits)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_set_address_size);
    block.u.address_size.size = bits;
    return call(domain, block, "cannot set the address size");
}

Result<std::uint32_t> DomainControl::address_size(DomainId domain)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_get_address_size);
    if (auto done = call(domain, block, "cannot get the address size"); !done)
        return std::unexpected(done.error());
    return block.u.address_size.size;
}

Result<void> DomainControl::set_time_offset(DomainId domain, std::int64_t seconds)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_settimeoffset);
    block.u.settimeoffset.time_offset_seconds = seconds;
    return call(domain, block, "cannot set the time offset");
}

Result<void> DomainControl::set_tsc(DomainId domain, const ::xen::xen_domctl_tsc_info& info)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_settscinfo);
    block.u.tsc_info = info;
    return call(domain, block, "cannot set the time-stamp counter mode");
}

Result<::xen::xen_domctl_tsc_info> DomainControl::tsc(DomainId domain)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_gettscinfo);
    if (auto done = call(domain, block, "cannot get the time-stamp counter mode"); !done)
        return std::unexpected(done.error());
    return block.u.tsc_info;
}

Result<void> DomainControl::fill_hypercall_page(DomainId domain, Mfn frame)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_hypercall_init);
    block.u.hypercall_init.gmfn = frame.value;
    return call(domain, block, "cannot fill the hypercall page");
}

Result<::xen::xen_domctl_sched_credit2> DomainControl::credit2(DomainId domain)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_scheduler_op);
    block.u.scheduler_op.sched_id = ::xen::XEN_SCHEDULER_CREDIT2;
    block.u.scheduler_op.cmd = ::xen::XEN_DOMCTL_SCHEDOP_getinfo;
    if (auto done = call(domain, block, "cannot get the processor share"); !done)
        return std::unexpected(done.error());
    return block.u.scheduler_op.u.credit2;
}

Result<void> DomainControl::set_credit2(DomainId domain, const ::xen::xen_domctl_sched_credit2& share)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_scheduler_op);
    block.u.scheduler_op.sched_id = ::xen::XEN_SCHEDULER_CREDIT2;
    block.u.scheduler_op.cmd = ::xen::XEN_DOMCTL_SCHEDOP_putinfo;
    block.u.scheduler_op.u.credit2 = share;
    return call(domain, block, "cannot set the processor share");
}

Result<DomainControl::Affinity> DomainControl::affinity_call(DomainId domain, std::uint32_t command, std::uint32_t vcpu,
                                                             std::uint32_t flags, const Affinity& maps, const char* what)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, maps.hard.size() + maps.soft.size()));
    if (!buffer)
        return std::unexpected(buffer.error());
    auto* bytes = buffer->as<std::uint8_t>();
    std::copy(maps.hard.begin(), maps.hard.end(), bytes);
    std::copy(maps.soft.begin(), maps.soft.end(), bytes + maps.hard.size());
    auto block = domctl_request(command);
    block.u.vcpuaffinity.vcpu = vcpu;
    block.u.vcpuaffinity.flags = flags;
    block.u.vcpuaffinity.cpumap_hard = {{buffer->address()}, static_cast<std::uint32_t>(maps.hard.size() * 8)};
    block.u.vcpuaffinity.cpumap_soft = {{buffer->address() + maps.hard.size()},
                                        static_cast<std::uint32_t>(maps.soft.size() * 8)};
    if (auto done = call(domain, block, what); !done)
        return std::unexpected(done.error());
    const auto middle = static_cast<std::ptrdiff_t>(maps.hard.size());
    const auto end = middle + static_cast<std::ptrdiff_t>(maps.soft.size());
    return Affinity{{bytes, bytes + middle}, {bytes + middle, bytes + end}};
}

Result<DomainControl::Affinity> DomainControl::set_affinity(DomainId domain, std::uint32_t vcpu, const Affinity& maps)
{
    std::uint32_t flags = 0;
    if (!maps.hard.empty())
        flags |= ::xen::XEN_VCPUAFFINITY_HARD;
    if (!maps.soft.empty())
        flags |= ::xen::XEN_VCPUAFFINITY_SOFT;
    return affinity_call(domain, ::xen::XEN_DOMCTL_setvcpuaffinity, vcpu, flags, maps, "cannot pin the vCPU");
}

Result<DomainControl::Affinity> DomainControl::affinity(DomainId domain, std::uint32_t vcpu, std::uint32_t cpus)
{
    const Affinity empty{std::vector<std::uint8_t>((cpus + 7) / 8), std::vector<std::uint8_t>((cpus + 7) / 8)};
    return affinity_call(domain, ::xen::XEN_DOMCTL_getvcpuaffinity, vcpu,
                         ::xen::XEN_VCPUAFFINITY_HARD | ::xen::XEN_VCPUAFFINITY_SOFT, empty,
                         "cannot get the pinning of the vCPU");
}

}  // namespace rf::xen
