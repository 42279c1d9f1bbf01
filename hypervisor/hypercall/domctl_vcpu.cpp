// SPDX-License-Identifier: MIT
/// domctl: what a vCPU does, and where it may.
#include "hypercall/domctl.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"

namespace rf::hypercall::domctls {

StoppedVcpu::StoppedVcpu(domain::Vcpu& vcpu) : vcpu_(vcpu)
{
    sched::scheduler.pause(vcpu_);
    sched::scheduler.wait_descheduled(vcpu_);
}

StoppedVcpu::~StoppedVcpu() { sched::scheduler.unpause(vcpu_); }

Result<Reply> getvcpuinfo(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_getvcpuinfo& request = op.u.getvcpuinfo;
    domain::Vcpu const* vcpu = domain.vcpu(request.vcpu);
    if (!vcpu)
        return fail(request.vcpu < domain.vcpu_limit() ? Errno::esrch : Errno::einval);
    request.online = vcpu->is_up();
    request.blocked = vcpu->is_blocked();
    request.running = vcpu->is_running();
    request.cpu_time = vcpu->runstate().at(time::now()).time[xen::RUNSTATE_running];
    request.cpu = vcpu->cpu();
    return Reply::data;
}

namespace {

constexpr std::uint32_t hard_flag = xen::XEN_VCPUAFFINITY_HARD, soft_flag = xen::XEN_VCPUAFFINITY_SOFT,
                        force_flag = xen::XEN_VCPUAFFINITY_FORCE;

/// Writes the maps that the flags ask for, as far as there are such CPUs.
[[nodiscard]] Status write_affinity(xen::xen_domctl_vcpuaffinity const& request, CpuMask hard, CpuMask soft)
{
    CpuMask const online = sched::scheduler.online();
    if (request.flags & hard_flag)
        TRY(write_bitmap(request.cpumap_hard, hard & online));
    if (request.flags & soft_flag)
        TRY(write_bitmap(request.cpumap_soft, soft & online));
    return {};
}

} // namespace

Result<Reply> setvcpuaffinity(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_vcpuaffinity const& request = op.u.vcpuaffinity;
    if (!(request.flags & (hard_flag | soft_flag)) || request.flags & ~(hard_flag | soft_flag | force_flag))
        return fail(Errno::einval);
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, request.vcpu));
    CpuMask hard = vcpu.hard_affinity(), soft = vcpu.soft_affinity();
    if (request.flags & hard_flag)
        hard = TRY(read_bitmap(request.cpumap_hard));
    if (request.flags & soft_flag)
        soft = TRY(read_bitmap(request.cpumap_soft));
    {
        LockGuard guard(domain.control_lock);
        if (request.flags & force_flag)
            (void)sched::scheduler.unpin(vcpu); // fails when nothing pins it
        TRY(sched::scheduler.set_affinity(vcpu, hard, soft));
    }
    TRY(write_affinity(request, hard, hard & soft));
    return Reply::none;
}

Result<Reply> getvcpuaffinity(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_vcpuaffinity const& request = op.u.vcpuaffinity;
    if (!(request.flags & (hard_flag | soft_flag)) || request.flags & ~(hard_flag | soft_flag))
        return fail(Errno::einval);
    domain::Vcpu const& vcpu = *TRY(find_vcpu(domain, request.vcpu));
    TRY(write_affinity(request, vcpu.hard_affinity(), vcpu.soft_affinity()));
    return Reply::none;
}

Result<Reply> sendtrigger(Domain& domain, xen::xen_domctl& op)
{
    if (op.u.sendtrigger.trigger != xen::XEN_DOMCTL_SENDTRIGGER_NMI)
        return fail(Errno::enosys); // buttons of machines that PV domains do not have
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, op.u.sendtrigger.vcpu));
    if (!vcpu.pv.nmi_pending.exchange(true))
        domain.wake(vcpu.id());
    return Reply::none;
}

} // namespace rf::hypercall::domctls
