// SPDX-License-Identifier: MIT
#pragma once
/// The operations of domctl (public header domctl.h). Each gets the copied-in structure, which it may change, and the
/// domain meant, which domctl.cpp found and held.
///
/// Locks: operations that change a domain's life or parameters hold its control lock for that, never while they copy from
/// or to a guest, and never while they wait for a vCPU of that domain: it may wait for the lock.

#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "hypercall/control.hpp"

namespace rf::hypercall::domctls {

using domain::Domain;
using Operation = Result<Reply> (*)(Domain&, xen::xen_domctl&);

/// The vCPU named in an operation. Errno::einval: there is none.
[[nodiscard]] inline Result<domain::Vcpu*> find_vcpu(Domain const& domain, std::uint32_t id)
{
    domain::Vcpu* vcpu = domain.vcpu(id);
    if (!vcpu)
        return fail(Errno::einval);
    return vcpu;
}

/// Keeps a vCPU of another domain from running; its registers are in memory meanwhile.
class [[nodiscard]] StoppedVcpu {
public:
    explicit StoppedVcpu(domain::Vcpu& vcpu);
    ~StoppedVcpu();
    StoppedVcpu(StoppedVcpu const&) = delete;
    StoppedVcpu& operator=(StoppedVcpu const&) = delete;

private:
    domain::Vcpu& vcpu_;
};

/// Keeps all vCPUs of another domain from running. A domain that begins to die meanwhile stays paused.
class [[nodiscard]] PausedDomain {
public:
    explicit PausedDomain(Domain& domain) : domain_(domain) { domain_.pause(); }
    ~PausedDomain()
    {
        LockGuard guard(domain_.control_lock);
        if (domain_.life.load(acquire) == domain::LifeState::alive)
            domain_.unpause();
    }
    PausedDomain(PausedDomain const&) = delete;
    PausedDomain& operator=(PausedDomain const&) = delete;

private:
    Domain& domain_;
};

// domctl_lifecycle.cpp: from creation to destruction. The first two find their domain themselves.
[[nodiscard]] Result<Reply> createdomain(xen::xen_domctl& op);
[[nodiscard]] Result<Reply> getdomaininfo(xen::xen_domctl& op);
[[nodiscard]] Result<Reply> destroydomain(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> pausedomain(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> unpausedomain(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> resumedomain(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> max_vcpus(Domain& domain, xen::xen_domctl& op);

// domctl_parameters.cpp: names, clocks, scheduling
[[nodiscard]] Result<Reply> setdomainhandle(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> setdebugging(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> settimeoffset(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> settscinfo(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> gettscinfo(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> scheduler_op(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> setnodeaffinity(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> getnodeaffinity(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> set_address_size(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> get_address_size(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> set_virq_handler(Domain& domain, xen::xen_domctl& op);

// domctl_vcpu.cpp: what a vCPU does and where it may
[[nodiscard]] Result<Reply> getvcpuinfo(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> setvcpuaffinity(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> getvcpuaffinity(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> sendtrigger(Domain& domain, xen::xen_domctl& op);

// domctl_context.cpp: the registers of a vCPU that does not run
[[nodiscard]] Result<Reply> setvcpucontext(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> getvcpucontext(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> set_ext_vcpucontext(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> get_ext_vcpucontext(Domain& domain, xen::xen_domctl& op);

// domctl_state.cpp: extended registers, model-specific registers, CPUID
[[nodiscard]] Result<Reply> setvcpuextstate(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> getvcpuextstate(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> set_vcpu_msrs(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> get_vcpu_msrs(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> set_cpu_policy(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> get_cpu_policy(Domain& domain, xen::xen_domctl& op);

// domctl_memory.cpp: limits and contents of memory
[[nodiscard]] Result<Reply> max_mem(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> getpageframeinfo3(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> shadow_op(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> hypercall_init(Domain& domain, xen::xen_domctl& op);

// domctl_rights.cpp: devices that a domain may touch
[[nodiscard]] Result<Reply> irq_permission(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> iomem_permission(Domain& domain, xen::xen_domctl& op);
[[nodiscard]] Result<Reply> ioport_permission(Domain& domain, xen::xen_domctl& op);

} // namespace rf::hypercall::domctls
