// SPDX-License-Identifier: MIT
/// vcpu_op (public header vcpu.h): vCPUs up and down, their timers, and the areas they share with the hypervisor.
/// Arguments: operation, vCPU number, address of the operation's structure.
#include "cpu/local_apic.hpp"
#include "dev/acpi.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "mm/heap.hpp"
#include "mm/page_ref.hpp"
#include "pvcpu/context.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "xen/sched.h"
#include "xen/trap.h"
#include "xen/vcpu.h"

namespace rf::hypercall {
namespace {

using domain::Vcpu;
using sched::scheduler;

/// A vCPU beyond those that shared_info has room for needs a registered vcpu_info before it can run.
[[nodiscard]] bool has_vcpu_info(Vcpu const& vcpu)
{
    return vcpu.id() < xen::XEN_LEGACY_MAX_VCPUS || vcpu.events.is_registered();
}

Outcome initialise(Call& call, Vcpu& target)
{
    if (!has_vcpu_info(target))
        return fail(Errno::einval);
    auto const context = TRY(mm::Box<xen::vcpu_guest_context>::make());
    TRY(guest::copy_in(*context, call[2]));
    LockGuard const guard{call.domain.control_lock};
    if (target.initialised.load(acquire))
        return fail(Errno::eexist);
    if (Status const loaded = pvcpu::load_context(target, *context); !loaded)
        return loaded.error() == Errno::eagain ? Outcome::again(call) : fail(loaded.error());
    if (context->flags & xen::VGCF_online)
        scheduler.bring_up(target);
    return Outcome::ok();
}

Outcome up(Call& call, Vcpu& target)
{
    LockGuard const guard{call.domain.control_lock};
    if (!target.initialised.load(acquire))
        return fail(Errno::einval);
    scheduler.bring_up(target);
    return Outcome::ok();
}

/// The last vCPU that goes down takes the domain with it.
Outcome down(Call& call, Vcpu& target)
{
    LockGuard guard{call.domain.control_lock};
    bool another_is_up = false;
    call.domain.for_each_vcpu([&](Vcpu& vcpu) { another_is_up |= &vcpu != &target && vcpu.is_up(); });
    if (another_is_up) {
        scheduler.take_down(target);
        return Outcome::ok();
    }
    guard.unlock();
    call.domain.shutdown(xen::SHUTDOWN_poweroff);
    return Outcome::ok();
}

Outcome get_runstate(Call& call, Vcpu& target)
{
    return Outcome::of(guest::copy_out(call[2], target.runstate().at(time::now())));
}

Outcome register_runstate_area(Call& call, Vcpu& target)
{
    auto const area = TRY(guest::fetch<xen::vcpu_register_runstate_memory_area>(call[2]));
    return Outcome::of(target.time.register_runstate_area(GuestVirtual{area.addr.p}, target.runstate(),
                                                          call.domain.runstate_protocol()));
}

Outcome register_time_area(Call& call)
{
    auto const area = TRY(guest::fetch<xen::vcpu_register_time_memory_area>(call[2]));
    if (area.addr.p == 0)
        return Outcome::ok();
    return Outcome::of(time::VcpuTime::write_time_area(GuestVirtual{area.addr.p}));
}

Outcome set_periodic_timer(Call& call, Vcpu& target)
{
    auto const request = TRY(guest::fetch<xen::vcpu_set_periodic_timer>(call[2]));
    return Outcome::of(target.time.set_periodic(request.period_ns));
}

Outcome set_singleshot_timer(Call& call, Vcpu& target)
{
    if (&target != &call.vcpu)
        return fail(Errno::einval);
    auto const request = TRY(guest::fetch<xen::vcpu_set_singleshot_timer>(call[2]));
    target.time.set_singleshot(request.timeout_abs_ns);
    return Outcome::ok();
}

Outcome stop_singleshot_timer(Call& call, Vcpu& target)
{
    if (&target != &call.vcpu)
        return fail(Errno::einval);
    target.time.stop_singleshot();
    return Outcome::ok();
}

/// Moves vcpu_info into the guest's own page, which stays writable memory for as long as the domain lives.
Outcome register_vcpu_info(Call& call, Vcpu& target)
{
    auto const request = TRY(guest::fetch<xen::vcpu_register_vcpu_info>(call[2]));
    if (request.offset > page_size - sizeof(xen::vcpu_info) || request.offset % alignof(xen::vcpu_info) != 0)
        return fail(Errno::enxio);
    LockGuard const guard{call.domain.control_lock};
    if (target.events.is_registered() || (&target != &call.vcpu && (target.is_up() || target.on_cpu())))
        return fail(Errno::einval);
    Mfn const frame{request.mfn};
    if (!mm::take_writable(frame, call.domain.id()))
        return fail(Errno::einval);
    auto* const place = reinterpret_cast<xen::vcpu_info*>(direct(frame) + request.offset);
    if (Status const moved = target.events.register_vcpu_info(place, frame); !moved) {
        mm::drop_writable(frame);
        return fail(moved.error());
    }
    target.time.publish(target.events.info());
    return Outcome::ok();
}

Outcome send_nmi(Call& call, Vcpu& target)
{
    if (call[2] != 0)
        return fail(Errno::einval);
    if (!target.pv.nmi_pending.exchange(true))
        call.domain.wake(target.id());
    return Outcome::ok();
}

/// Only a vCPU of the control domain that is bound to one processor has an identity there.
Outcome get_physid(Call& call, Vcpu& target)
{
    CpuMask const bound = target.hard_affinity() & scheduler.online();
    if (!call.domain.is_control() || bound.count() != 1)
        return fail(Errno::einval);
    std::uint64_t const apic_id = cpu::local_apic::id_of(bound.lowest());
    std::uint64_t acpi_id = 0xff; // unknown
    for (dev::acpi::LocalApic const& processor : dev::machine_tables.processors)
        if (processor.apic_id == apic_id)
            acpi_id = processor.processor_uid;
    return Outcome::of(guest::copy_out(call[2], xen::vcpu_get_physid{apic_id | acpi_id << 32}));
}

} // namespace

Outcome vcpu_op(Call& call)
{
    Vcpu* const target = call.domain.vcpu(call.narrow(1));
    if (!target)
        return fail(Errno::enoent);
    switch (call.narrow(0)) {
    case xen::VCPUOP_initialise:
        return initialise(call, *target);
    case xen::VCPUOP_up:
        return up(call, *target);
    case xen::VCPUOP_down:
        return down(call, *target);
    case xen::VCPUOP_is_up:
        return Outcome::value(target->is_up());
    case xen::VCPUOP_get_runstate_info:
        return get_runstate(call, *target);
    case xen::VCPUOP_register_runstate_memory_area:
        return register_runstate_area(call, *target);
    case xen::VCPUOP_set_periodic_timer:
        return set_periodic_timer(call, *target);
    case xen::VCPUOP_stop_periodic_timer:
        target->time.stop_periodic();
        return Outcome::ok();
    case xen::VCPUOP_set_singleshot_timer:
        return set_singleshot_timer(call, *target);
    case xen::VCPUOP_stop_singleshot_timer:
        return stop_singleshot_timer(call, *target);
    case xen::VCPUOP_register_vcpu_info:
        return register_vcpu_info(call, *target);
    case xen::VCPUOP_send_nmi:
        return send_nmi(call, *target);
    case xen::VCPUOP_get_physid:
        return get_physid(call, *target);
    case xen::VCPUOP_register_vcpu_time_memory_area:
        return register_time_area(call);
    default:
        return fail(Errno::enosys);
    }
}

} // namespace rf::hypercall
