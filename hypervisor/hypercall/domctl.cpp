// SPDX-License-Identifier: MIT
/// domctl: control of domains by the toolstack. This file checks the caller and the version, finds the domain and chooses
/// the operation.
#include "hypercall/domctl.hpp"

#include "guest/access.hpp"
#include "hypercall/handlers.hpp"

#include <algorithm>
#include <array>

namespace rf::hypercall {
namespace {

using namespace domctls;

/// Which domains an operation may be used on.
enum class Target : std::uint8_t {
    any,   ///< alive or dying, the caller's own too
    alive, ///< not dying; the caller's own too
    other, ///< not dying, not the caller's own
    doomed ///< alive or dying, not the caller's own
};

struct DomctlEntry {
    xen::domctl_command command;
    Target target;
    Operation operation;
};

/// Everything else answers -ENOSYS.
constexpr std::array domctl_operations{
    DomctlEntry{xen::XEN_DOMCTL_destroydomain, Target::doomed, destroydomain},
    DomctlEntry{xen::XEN_DOMCTL_pausedomain, Target::doomed, pausedomain},
    DomctlEntry{xen::XEN_DOMCTL_unpausedomain, Target::other, unpausedomain},
    DomctlEntry{xen::XEN_DOMCTL_resumedomain, Target::other, resumedomain},
    DomctlEntry{xen::XEN_DOMCTL_max_vcpus, Target::other, max_vcpus},
    DomctlEntry{xen::XEN_DOMCTL_setdomainhandle, Target::alive, setdomainhandle},
    DomctlEntry{xen::XEN_DOMCTL_setdebugging, Target::other, setdebugging},
    DomctlEntry{xen::XEN_DOMCTL_settimeoffset, Target::alive, settimeoffset},
    DomctlEntry{xen::XEN_DOMCTL_settscinfo, Target::other, settscinfo},
    DomctlEntry{xen::XEN_DOMCTL_gettscinfo, Target::any, gettscinfo},
    DomctlEntry{xen::XEN_DOMCTL_scheduler_op, Target::alive, scheduler_op},
    DomctlEntry{xen::XEN_DOMCTL_setnodeaffinity, Target::alive, setnodeaffinity},
    DomctlEntry{xen::XEN_DOMCTL_getnodeaffinity, Target::any, getnodeaffinity},
    DomctlEntry{xen::XEN_DOMCTL_set_address_size, Target::other, set_address_size},
    DomctlEntry{xen::XEN_DOMCTL_get_address_size, Target::any, get_address_size},
    DomctlEntry{xen::XEN_DOMCTL_set_virq_handler, Target::alive, set_virq_handler},
    DomctlEntry{xen::XEN_DOMCTL_getvcpuinfo, Target::any, getvcpuinfo},
    DomctlEntry{xen::XEN_DOMCTL_setvcpuaffinity, Target::alive, setvcpuaffinity},
    DomctlEntry{xen::XEN_DOMCTL_getvcpuaffinity, Target::any, getvcpuaffinity},
    DomctlEntry{xen::XEN_DOMCTL_sendtrigger, Target::alive, sendtrigger},
    DomctlEntry{xen::XEN_DOMCTL_setvcpucontext, Target::other, setvcpucontext},
    DomctlEntry{xen::XEN_DOMCTL_getvcpucontext, Target::other, getvcpucontext},
    DomctlEntry{xen::XEN_DOMCTL_set_ext_vcpucontext, Target::other, set_ext_vcpucontext},
    DomctlEntry{xen::XEN_DOMCTL_get_ext_vcpucontext, Target::other, get_ext_vcpucontext},
    DomctlEntry{xen::XEN_DOMCTL_setvcpuextstate, Target::other, setvcpuextstate},
    DomctlEntry{xen::XEN_DOMCTL_getvcpuextstate, Target::other, getvcpuextstate},
    DomctlEntry{xen::XEN_DOMCTL_set_vcpu_msrs, Target::other, set_vcpu_msrs},
    DomctlEntry{xen::XEN_DOMCTL_get_vcpu_msrs, Target::other, get_vcpu_msrs},
    DomctlEntry{xen::XEN_DOMCTL_set_cpu_policy, Target::other, set_cpu_policy},
    DomctlEntry{xen::XEN_DOMCTL_get_cpu_policy, Target::any, get_cpu_policy},
    DomctlEntry{xen::XEN_DOMCTL_max_mem, Target::alive, max_mem},
    DomctlEntry{xen::XEN_DOMCTL_getpageframeinfo3, Target::alive, getpageframeinfo3},
    DomctlEntry{xen::XEN_DOMCTL_shadow_op, Target::other, shadow_op},
    DomctlEntry{xen::XEN_DOMCTL_hypercall_init, Target::alive, hypercall_init},
    DomctlEntry{xen::XEN_DOMCTL_irq_permission, Target::other, irq_permission},
    DomctlEntry{xen::XEN_DOMCTL_iomem_permission, Target::other, iomem_permission},
    DomctlEntry{xen::XEN_DOMCTL_ioport_permission, Target::other, ioport_permission},
};

/// Errno::esrch: not there, or dead as far as the operation is concerned. Errno::einval: not on oneself.
[[nodiscard]] Result<domain::DomainRef> find_domain(Domain const& caller, DomainId id, Target target)
{
    auto domain = TRY(domain::find(id));
    bool const others_only = target == Target::other || target == Target::doomed;
    if (others_only && domain->id() == caller.id())
        return fail(Errno::einval);
    bool const may_be_dying = target == Target::any || target == Target::doomed;
    if (!may_be_dying && domain->life.load(acquire) != domain::LifeState::alive)
        return fail(Errno::esrch);
    return domain;
}

[[nodiscard]] Result<Reply> run(Domain const& caller, xen::xen_domctl& op)
{
    if (op.cmd == xen::XEN_DOMCTL_createdomain)
        return createdomain(op);
    if (op.cmd == xen::XEN_DOMCTL_getdomaininfo)
        return getdomaininfo(op);
    auto const entry = std::ranges::find(domctl_operations, op.cmd, &DomctlEntry::command);
    if (entry == domctl_operations.end())
        return fail(Errno::enosys);
    auto const domain = TRY(find_domain(caller, DomainId{op.domain}, entry->target));
    return entry->operation(*domain, op);
}

} // namespace

Outcome domctl(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto op = guest::fetch<xen::xen_domctl>(call[0]);
    if (!op)
        return fail(op.error());
    if (op->interface_version != xen::XEN_DOMCTL_INTERFACE_VERSION)
        return fail(Errno::eacces);
    auto const reply = run(call.domain, *op);
    // A refused policy tells in the structure what was wrong with it.
    bool const tells = reply ? *reply != Reply::none : op->cmd == xen::XEN_DOMCTL_set_cpu_policy;
    if (tells)
        if (Status told = guest::copy_out(call[0], *op); !told)
            return fail(told.error());
    if (!reply)
        return fail(reply.error());
    return *reply == Reply::unfinished ? Outcome::again(call) : Outcome::ok();
}

} // namespace rf::hypercall
