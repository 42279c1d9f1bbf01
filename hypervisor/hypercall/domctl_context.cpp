// SPDX-License-Identifier: MIT
/// domctl: the registers of a vCPU of another domain, read and written while it does not run.
#include "guest/access.hpp"
#include "hypercall/domctl.hpp"
#include "pvcpu/context.hpp"
#include "sched/scheduler.hpp"

#include <cstddef>

namespace rf::hypercall::domctls {
namespace {

using Context = xen::vcpu_guest_context;
using Extended = xen::xen_domctl_ext_vcpucontext;

/// Loads a context into a stopped vCPU, which then is up or down as the context says.
[[nodiscard]] Status load(Domain& domain, domain::Vcpu& vcpu, Context const& context)
{
    LockGuard guard(domain.control_lock); // a vCPU of the domain may be initialising this one
    if (domain.life.load(acquire) != domain::LifeState::alive)
        return fail(Errno::esrch);
    TRY(pvcpu::load_context(vcpu, context));
    bool const online = context.flags & xen::VGCF_online;
    if (online != vcpu.is_up())
        online ? sched::scheduler.bring_up(vcpu) : sched::scheduler.take_down(vcpu);
    return {};
}

} // namespace

Result<Reply> setvcpucontext(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_vcpucontext const& request = op.u.vcpucontext;
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, request.vcpu));
    auto const context = TRY(mm::Box<Context>::make());
    TRY(guest::copy_in(*context, request.ctxt.address));
    StoppedVcpu const stopped{vcpu};
    Status const loaded = load(domain, vcpu, *context);
    if (!loaded && loaded.error() == Errno::eagain)
        return Reply::unfinished; // validation of the page tables goes on where it stopped
    TRY(loaded);
    return Reply::none;
}

Result<Reply> getvcpucontext(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_vcpucontext const& request = op.u.vcpucontext;
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, request.vcpu));
    if (!vcpu.initialised.load(acquire))
        return fail(Errno::enodata);
    auto const context = TRY(mm::Box<Context>::make());
    {
        StoppedVcpu const stopped{vcpu};
        pvcpu::save_context(vcpu, *context);
    }
    TRY(guest::copy_out(request.ctxt.address, *context));
    return Reply::data;
}

Result<Reply> set_ext_vcpucontext(Domain& domain, xen::xen_domctl& op)
{
    Extended const& request = op.u.ext_vcpucontext;
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, request.vcpu));
    // The machine-check part may be missing; guests see no banks, so nothing of it is kept.
    if (request.size < offsetof(Extended, vmce) || !is_canonical(request.syscall32_callback_eip) ||
        !is_canonical(request.sysenter_callback_eip))
        return fail(Errno::einval);
    StoppedVcpu const stopped{vcpu};
    vcpu.pv.syscall32 = {request.syscall32_callback_eip, request.syscall32_disables_events != 0};
    vcpu.pv.sysenter = {request.sysenter_callback_eip, request.sysenter_disables_events != 0};
    return Reply::none;
}

Result<Reply> get_ext_vcpucontext(Domain& domain, xen::xen_domctl& op)
{
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, op.u.ext_vcpucontext.vcpu));
    Extended answer{};
    answer.vcpu = vcpu.id();
    answer.size = sizeof answer;
    {
        StoppedVcpu const stopped{vcpu};
        answer.syscall32_callback_eip = vcpu.pv.syscall32.address;
        answer.syscall32_disables_events = vcpu.pv.syscall32.masks_events;
        answer.sysenter_callback_eip = vcpu.pv.sysenter.address;
        answer.sysenter_disables_events = vcpu.pv.sysenter.masks_events;
    }
    op.u.ext_vcpucontext = answer;
    return Reply::data;
}

} // namespace rf::hypercall::domctls
