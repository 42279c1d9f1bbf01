// SPDX-License-Identifier: MIT
/// domctl: a domain's names, clocks and share of the machine.
#include "event/table.hpp"
#include "hypercall/control_settings.hpp"
#include "hypercall/domctl.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"

#include <algorithm>

namespace rf::hypercall::domctls {
namespace {

/// TSC modes: 0 and 2 are what every domain has here, the machine's own counter; emulation is not offered.
constexpr std::uint32_t tsc_default = 0, tsc_native = 2;
constexpr CpuMask only_node = CpuMask::of(0);

/// Changes a domain's settings under its control lock.
template <class Change>
[[nodiscard]] Result<Reply> change_settings(Domain& domain, Change change)
{
    LockGuard guard(domain.control_lock);
    Settings settings = settings_of(domain);
    change(settings);
    TRY(store_settings(domain, settings));
    return Reply::none;
}

} // namespace

Result<Reply> setdomainhandle(Domain& domain, xen::xen_domctl& op)
{
    LockGuard guard(domain.control_lock);
    std::copy_n(op.u.setdomainhandle.handle, domain.handle.size(), domain.handle.begin());
    return Reply::none;
}

Result<Reply> setdebugging(Domain& domain, xen::xen_domctl& op)
{
    bool const enable = op.u.setdebugging.enable != 0;
    return change_settings(domain, [=](Settings& settings) { settings.debugged = enable; });
}

Result<Reply> settimeoffset(Domain& domain, xen::xen_domctl& op)
{
    LockGuard guard(domain.control_lock);
    domain.time_offset_seconds = op.u.settimeoffset.time_offset_seconds;
    time::publish_wallclock(*domain.shared_info(), domain.time_offset_seconds);
    return Reply::none;
}

Result<Reply> settscinfo(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_tsc_info const request = op.u.tsc_info;
    if (request.tsc_mode != tsc_default && request.tsc_mode != tsc_native)
        return fail(Errno::eopnotsupp);
    return change_settings(domain, [&](Settings& settings) {
        settings.tsc_mode = request.tsc_mode;
        settings.tsc_incarnation = request.incarnation;
    });
}

Result<Reply> gettscinfo(Domain& domain, xen::xen_domctl& op)
{
    Settings const settings = settings_of(domain);
    op.u.tsc_info = {.tsc_mode = settings.tsc_mode,
                     .gtsc_khz = static_cast<std::uint32_t>(time::tsc_khz()),
                     .incarnation = settings.tsc_incarnation,
                     .pad = 0,
                     .elapsed_nsec = time::now()};
    return Reply::data;
}

Result<Reply> scheduler_op(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_scheduler_op& request = op.u.scheduler_op;
    if (request.sched_id != xen::XEN_SCHEDULER_CREDIT2)
        return fail(Errno::einval);
    xen::xen_domctl_sched_credit2& share = request.u.credit2;
    switch (request.cmd) {
    case xen::XEN_DOMCTL_SCHEDOP_putinfo: {
        LockGuard guard(domain.control_lock);
        std::uint32_t const weight = share.weight ? share.weight : domain.group.weight();
        TRY(sched::scheduler.set_parameters(domain.group, weight, share.cap));
        return Reply::none;
    }
    case xen::XEN_DOMCTL_SCHEDOP_getinfo:
        share.weight = static_cast<std::uint16_t>(domain.group.weight());
        share.cap = static_cast<std::uint16_t>(domain.group.cap());
        return Reply::data;
    default:
        return fail(Errno::einval); // vCPUs have no parameters of their own
    }
}

Result<Reply> setnodeaffinity(Domain&, xen::xen_domctl& op)
{
    if ((TRY(read_bitmap(op.u.nodeaffinity.nodemap)) & only_node).empty())
        return fail(Errno::einval);
    return Reply::none;
}

Result<Reply> getnodeaffinity(Domain&, xen::xen_domctl& op)
{
    TRY(write_bitmap(op.u.nodeaffinity.nodemap, only_node));
    return Reply::none;
}

Result<Reply> set_address_size(Domain&, xen::xen_domctl& op)
{
    return op.u.address_size.size == 64 ? Result<Reply>{Reply::none} : fail(Errno::einval);
}

Result<Reply> get_address_size(Domain&, xen::xen_domctl& op)
{
    op.u.address_size.size = 64;
    return Reply::data;
}

Result<Reply> set_virq_handler(Domain& domain, xen::xen_domctl& op)
{
    if (!event::is_global_virq(op.u.set_virq_handler.virq))
        return fail(Errno::einval);
    if (!domain.is_control())
        return fail(Errno::eopnotsupp); // global interrupts go to the control domain
    return Reply::none;
}

} // namespace rf::hypercall::domctls
