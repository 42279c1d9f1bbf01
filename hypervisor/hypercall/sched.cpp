// SPDX-License-Identifier: MIT
/// sched_op, sched_op_compat and set_timer_op (public header sched.h): sleeping, yielding, shutting down, watchdogs.
#include "base/log.hpp"
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "xen/sched.h"

namespace rf::hypercall {
namespace {

using domain::Domain;
using domain::Vcpu;
using sched::scheduler;

constexpr std::uint32_t most_polled_ports = 128;

Outcome yield(Call& call)
{
    scheduler.yield(call.vcpu);
    return Outcome::ok();
}

/// Opens the upcall mask, then sleeps unless an event is pending. The order matters: after block() every new event wakes
/// the vCPU, and those that came before are seen here.
Outcome block(Call& call)
{
    Vcpu& vcpu = call.vcpu;
    vcpu.time.stop_poll_timeout();
    vcpu.events.unmask_upcalls();
    scheduler.block(vcpu);
    if (vcpu.events.upcall_pending())
        scheduler.wake(vcpu);
    return Outcome::ok();
}

Outcome poll(Call& call)
{
    Vcpu& vcpu = call.vcpu;
    auto const request = TRY(guest::fetch<xen::sched_poll>(call[1]));
    if (request.nr_ports > most_polled_ports)
        return fail(Errno::einval);
    Port ports[most_polled_ports];
    TRY((guest::Array<Port>{request.ports.address, request.nr_ports}.read(0, ports, request.nr_ports)));

    vcpu.time.stop_poll_timeout();
    scheduler.block(vcpu);
    auto const ready = call.domain.events.begin_poll(vcpu.id(), {ports, request.nr_ports});
    if (!ready || *ready) {
        scheduler.wake(vcpu);
        return ready ? Outcome::ok() : Outcome{fail(ready.error())};
    }
    if (request.timeout != 0)
        vcpu.time.set_poll_timeout(request.timeout);
    return Outcome::ok();
}

Outcome shut_down(Call& call, std::uint32_t reason)
{
    log::info("guest ", call.domain.id(), ": shuts down, reason ", reason);
    if (reason == xen::SHUTDOWN_crash && call.domain.is_control())
        call.domain.crash("its kernel gave up"); // the operator has nothing but the console to find out why
    call.domain.shutdown(reason);
    return Outcome::ok();
}

Outcome remote_shutdown(Call& call)
{
    auto const request = TRY(guest::fetch<xen::sched_remote_shutdown>(call[1]));
    auto const target = TRY(domain::find_target(call.domain, DomainId{request.domain_id}));
    target->shutdown(request.reason);
    return Outcome::ok();
}

/// Notes the reason that a later shutdown will carry.
Outcome note_shutdown_code(Call& call)
{
    auto const request = TRY(guest::fetch<xen::sched_shutdown>(call[1]));
    LockGuard const guard{call.domain.control_lock};
    if (!call.domain.is_shut_down.load(acquire))
        call.domain.shutdown_code.store(request.reason, release);
    return Outcome::ok();
}

void watchdog_fired(void* owner)
{
    auto& domain = *static_cast<Domain*>(owner);
    if (domain.is_shut_down.load(acquire) || domain.life.load(acquire) != domain::LifeState::alive)
        return;
    log::warning("guest ", domain.id(), ": its watchdog fired");
    domain.shutdown(xen::SHUTDOWN_watchdog);
}

Outcome watchdog(Call& call)
{
    auto const request = TRY(guest::fetch<xen::sched_watchdog>(call[1]));
    LockGuard const guard{call.domain.control_lock};
    return Outcome::value(
        TRY(call.domain.group.watchdogs.set(request.id, request.timeout, watchdog_fired, &call.domain)));
}

/// Drivers of the control domain that must run on one particular processor.
Outcome pin_override(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto const request = TRY(guest::fetch<xen::sched_pin_override>(call[1]));
    if (request.pcpu < 0)
        return Outcome::of(scheduler.unpin(call.vcpu));
    return Outcome::of(scheduler.pin(call.vcpu, static_cast<CpuId>(request.pcpu)));
}

} // namespace

Outcome sched_op(Call& call)
{
    switch (call.narrow(0)) {
    case xen::SCHEDOP_yield:
        return yield(call);
    case xen::SCHEDOP_block:
        return block(call);
    case xen::SCHEDOP_shutdown:
        return shut_down(call, TRY(guest::fetch<xen::sched_shutdown>(call[1])).reason);
    case xen::SCHEDOP_poll:
        return poll(call);
    case xen::SCHEDOP_remote_shutdown:
        return remote_shutdown(call);
    case xen::SCHEDOP_shutdown_code:
        return note_shutdown_code(call);
    case xen::SCHEDOP_watchdog:
        return watchdog(call);
    case xen::SCHEDOP_pin_override:
        return pin_override(call);
    default:
        return fail(Errno::enosys);
    }
}

/// The first form of sched_op: the argument of a shutdown is the reason itself.
Outcome sched_op_compat(Call& call)
{
    switch (call.narrow(0)) {
    case xen::SCHEDOP_yield:
        return yield(call);
    case xen::SCHEDOP_block:
        return block(call);
    case xen::SCHEDOP_shutdown:
        return shut_down(call, call.narrow(1));
    default:
        return fail(Errno::enosys);
    }
}

/// The old one-shot timer. A time absurdly far away is what a guest computes when its clock wrapped: it gets a tick soon.
Outcome set_timer_op(Call& call)
{
    constexpr unsigned farthest_bit = 50;
    constexpr Nanoseconds instead = 100 * time::millisecond;
    Nanoseconds const deadline = call[0];
    Nanoseconds const now = time::now();
    if (deadline == 0)
        call.vcpu.time.stop_singleshot();
    else if (deadline > now && (deadline - now) >> farthest_bit)
        call.vcpu.time.set_singleshot(now + instead);
    else
        call.vcpu.time.set_singleshot(deadline);
    return Outcome::ok();
}

} // namespace rf::hypercall
