// SPDX-License-Identifier: MIT
#include "event/vcpu_events.hpp"

#include "mm/page_ref.hpp"

namespace rf::event {
namespace {

/// Carries the guest's half over; the time page is rewritten by its owner, but stays readable meanwhile.
void carry_over(xen::vcpu_info& to, xen::vcpu_info& from)
{
    shared(to.evtchn_upcall_mask).store(shared(from.evtchn_upcall_mask).load());
    shared(to.arch.cr2).store(shared(from.arch.cr2).load(relaxed), relaxed);
    to.time = from.time; // written by the hypervisor only, and the caller keeps this vCPU from running elsewhere
}

} // namespace

VcpuEvents::VcpuEvents() : info_(&dummy_), built_in_(&dummy_) { dummy_.evtchn_upcall_mask = 1; }

void VcpuEvents::attach(xen::shared_info& shared_page, VcpuId id)
{
    if (id >= xen::XEN_LEGACY_MAX_VCPUS)
        return;
    built_in_ = &shared_page.vcpu_info[id];
    info_.store(built_in_, release);
}

Status VcpuEvents::register_vcpu_info(xen::vcpu_info* place, Mfn frame)
{
    if (is_registered())
        return fail(Errno::einval);
    carry_over(*place, info());
    registered_frame_ = frame;
    info_.store(place); // sequentially consistent: senders that still use the old place come before what follows
    shared(place->evtchn_pending_sel).store(~0ull);
    shared(place->evtchn_upcall_pending).store(1);
    return {};
}

void VcpuEvents::unregister_vcpu_info()
{
    if (!is_registered())
        return;
    info_.store(built_in_);
    mm::drop_writable(std::exchange(registered_frame_, invalid_mfn));
}

} // namespace rf::event
