// SPDX-License-Identifier: MIT
/// domctl: devices that a domain may touch. Nobody can give what he has not got himself.
#include "cpu/features.hpp"
#include "hypercall/domctl.hpp"

namespace rf::hypercall::domctls {
namespace {

/// An inclusive range of ports, frames or interrupts.
struct Range {
    std::uint64_t first, last;
};

[[nodiscard]] Status change(RangeSet& rights, Range range, bool allow)
{
    return allow ? rights.add(range.first, range.last) : rights.remove(range.first, range.last);
}

[[nodiscard]] Status check_giver(RangeSet Rights::*kind, Range range)
{
    Domain const* giver = domain::control_domain();
    return (giver->rights().*kind).contains(range.first, range.last) ? Status{} : Status{fail(Errno::eperm)};
}

/// Ports and interrupts are looked at without a lock by the domain's own vCPUs, so they stand still meanwhile.
[[nodiscard]] Result<Reply> change_paused(Domain& domain, RangeSet Rights::*kind, Range range, bool allow)
{
    TRY(check_giver(kind, range));
    PausedDomain const paused{domain};
    LockGuard guard(domain.control_lock);
    Rights* const rights = TRY(domain.own_rights());
    TRY(change(rights->*kind, range, allow));
    return Reply::none;
}

} // namespace

Result<Reply> irq_permission(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_irq_permission const& request = op.u.irq_permission;
    if (request.pirq >= dev::PirqTable::limit)
        return fail(Errno::einval);
    return change_paused(domain, &Rights::interrupts, {request.pirq, request.pirq}, request.allow_access);
}

Result<Reply> ioport_permission(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_ioport_permission const& request = op.u.ioport_permission;
    constexpr std::uint64_t port_limit = 65536;
    std::uint64_t const end = static_cast<std::uint64_t>(request.first_port) + request.nr_ports;
    if (end > port_limit)
        return fail(Errno::einval);
    if (request.nr_ports == 0)
        return Reply::none;
    return change_paused(domain, &Rights::ports, {request.first_port, end - 1}, request.allow_access);
}

Result<Reply> iomem_permission(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_iomem_permission const& request = op.u.iomem_permission;
    std::uint64_t const frame_limit = 1ull << (cpu::host().physical_address_bits - page_shift);
    if (request.first_mfn >= frame_limit || request.nr_mfns > frame_limit - request.first_mfn)
        return fail(Errno::einval);
    if (request.nr_mfns == 0)
        return Reply::none;
    Range const range{request.first_mfn, request.first_mfn + request.nr_mfns - 1};
    TRY(check_giver(&Rights::device_frames, range));
    LockGuard guard(domain.control_lock);
    Rights* const rights = TRY(domain.own_rights());
    LockGuard still(domain.space.lock); // every new mapping looks at the set under it
    TRY(change(rights->device_frames, range, request.allow_access));
    return Reply::none;
}

} // namespace rf::hypercall::domctls
