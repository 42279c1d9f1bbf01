// SPDX-License-Identifier: MIT
/// sysctl: what the toolstack asks about and sets for the whole machine. This file checks the caller and the version and
/// chooses the operation.
#include "hypercall/sysctl.hpp"

#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"

#include <algorithm>
#include <array>

namespace rf::hypercall {
namespace {

struct SysctlEntry {
    xen::sysctl_command command;
    sysctls::Operation operation;
};

/// Everything else answers -ENOSYS.
constexpr std::array sysctl_operations{
    SysctlEntry{xen::XEN_SYSCTL_readconsole, sysctls::readconsole},
    SysctlEntry{xen::XEN_SYSCTL_physinfo, sysctls::physinfo},
    SysctlEntry{xen::XEN_SYSCTL_sched_id, sysctls::sched_id},
    SysctlEntry{xen::XEN_SYSCTL_getdomaininfolist, sysctls::getdomaininfolist},
    SysctlEntry{xen::XEN_SYSCTL_debug_keys, sysctls::debug_keys},
    SysctlEntry{xen::XEN_SYSCTL_getcpuinfo, sysctls::getcpuinfo},
    SysctlEntry{xen::XEN_SYSCTL_availheap, sysctls::availheap},
    SysctlEntry{xen::XEN_SYSCTL_cputopoinfo, sysctls::cputopoinfo},
    SysctlEntry{xen::XEN_SYSCTL_numainfo, sysctls::numainfo},
    SysctlEntry{xen::XEN_SYSCTL_cpupool_op, sysctls::cpupool_op},
    SysctlEntry{xen::XEN_SYSCTL_scheduler_op, sysctls::scheduler_op},
    SysctlEntry{xen::XEN_SYSCTL_pcitopoinfo, sysctls::pcitopoinfo},
    SysctlEntry{xen::XEN_SYSCTL_get_cpu_levelling_caps, sysctls::levelling_caps},
    SysctlEntry{xen::XEN_SYSCTL_get_cpu_featureset, sysctls::cpu_featureset},
    SysctlEntry{xen::XEN_SYSCTL_get_cpu_policy, sysctls::cpu_policy},
};

} // namespace

Outcome sysctl(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto op = guest::fetch<xen::xen_sysctl>(call[0]);
    if (!op)
        return fail(op.error());
    if (op->interface_version != xen::XEN_SYSCTL_INTERFACE_VERSION)
        return fail(Errno::eacces);
    auto const entry = std::ranges::find(sysctl_operations, op->cmd, &SysctlEntry::command);
    if (entry == sysctl_operations.end())
        return fail(Errno::enosys);
    auto const reply = entry->operation(*op);
    if (!reply)
        return fail(reply.error());
    if (*reply != Reply::none)
        if (Status told = guest::copy_out(call[0], *op); !told)
            return fail(told.error());
    return *reply == Reply::unfinished ? Outcome::again(call) : Outcome::ok();
}

} // namespace rf::hypercall
