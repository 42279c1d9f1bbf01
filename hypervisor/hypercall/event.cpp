// SPDX-License-Identifier: MIT
/// event_channel_op (public header event_channel.h). Arguments: operation, address of its structure.
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "event/registry.hpp"
#include "hypercall/argument.hpp"
#include "hypercall/handlers.hpp"
#include "xen/event.h"

namespace rf::hypercall {
namespace {

/// Channels that one segment of a reset closes.
constexpr std::uint32_t closes_per_segment = 512;

[[nodiscard]] DomainId resolve_self(Call& call, std::uint16_t id)
{
    return DomainId{id} == domid_self ? call.domain.id() : DomainId{id};
}

/// Hands the argument with the new port back to the guest; a port that it cannot learn is closed again.
template <class Argument>
[[nodiscard]] Outcome answer_port(Call& call, event::EventTable& table, Argument const& argument, Port port)
{
    Status const written = guest::copy_out(call[1], argument);
    if (!written)
        (void)table.close(port); // fails only if another vCPU guessed the number and closed it first
    return Outcome::of(written);
}

Outcome alloc_unbound(Call& call)
{
    auto argument = TRY(fetch_argument<xen::evtchn_alloc_unbound>(call));
    auto const target = TRY(domain::find_target(call.domain, DomainId{argument.dom}));
    argument.port = TRY(target->events.alloc_unbound(resolve_self(call, argument.remote_dom)));
    return answer_port(call, target->events, argument, argument.port);
}

Outcome bind_interdomain(Call& call)
{
    auto argument = TRY(fetch_argument<xen::evtchn_bind_interdomain>(call));
    auto const remote = TRY(event::registry.find(resolve_self(call, argument.remote_dom)));
    event::EventTable& events = call.domain.events;
    argument.local_port = TRY(events.bind_interdomain(*remote, argument.remote_port));
    return answer_port(call, events, argument, argument.local_port);
}

Outcome bind_virq(Call& call)
{
    auto argument = TRY(fetch_argument<xen::evtchn_bind_virq>(call));
    argument.port = TRY(call.domain.events.bind_virq(argument.virq, argument.vcpu));
    return answer_port(call, call.domain.events, argument, argument.port);
}

Outcome bind_ipi(Call& call)
{
    auto argument = TRY(fetch_argument<xen::evtchn_bind_ipi>(call));
    argument.port = TRY(call.domain.events.bind_ipi(argument.vcpu));
    return answer_port(call, call.domain.events, argument, argument.port);
}

Outcome bind_pirq(Call& call)
{
    auto argument = TRY(fetch_argument<xen::evtchn_bind_pirq>(call));
    auto const sharing =
        argument.flags & xen::BIND_PIRQ__WILL_SHARE ? event::Sharing::shareable : event::Sharing::exclusive;
    argument.port = TRY(call.domain.events.bind_pirq(argument.pirq, sharing));
    return answer_port(call, call.domain.events, argument, argument.port);
}

Outcome status(Call& call)
{
    xen::evtchn_status argument;
    if (Status copied = guest::copy_in(argument, call[1]); !copied)
        return fail(copied.error());
    if (DomainId{argument.dom} == domid_self) {
        TRY(call.domain.events.fill_status(argument.port, argument));
    } else {
        auto const target = TRY(domain::find_target(call.domain, DomainId{argument.dom}));
        TRY(target->events.fill_status(argument.port, argument));
    }
    return Outcome::of(guest::copy_out(call[1], argument));
}

Outcome bind_vcpu(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::evtchn_bind_vcpu>(call));
    return Outcome::of(call.domain.events.bind_vcpu(argument.port, argument.vcpu));
}

/// Another domain must be held still by its controller.
Outcome reset(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::evtchn_reset>(call));
    auto const target = TRY(domain::find_target(call.domain, DomainId{argument.dom}));
    if (&*target != &call.domain && target->controller_pauses.load(acquire) == 0)
        return fail(Errno::einval);
    Budget budget(closes_per_segment);
    if (target->events.reset(budget) == Progress::more)
        return Outcome::again(call);
    return Outcome::ok();
}

Outcome init_control(Call& call)
{
    auto argument = TRY(fetch_argument<xen::evtchn_init_control>(call));
    TRY(call.domain.events.init_control(Mfn{argument.control_gfn}, argument.offset, argument.vcpu));
    argument.link_bits = xen::EVTCHN_FIFO_LINK_BITS;
    return Outcome::of(guest::copy_out(call[1], argument));
}

Outcome set_priority(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::evtchn_set_priority>(call));
    return Outcome::of(call.domain.events.set_priority(argument.port, argument.priority));
}

[[nodiscard, gnu::noinline]] Outcome unusual_operation(Call& call)
{
    event::EventTable& events = call.domain.events;
    switch (call.narrow(0)) {
    case xen::EVTCHNOP_unmask:
        return Outcome::of(events.unmask(TRY(fetch_argument<xen::evtchn_unmask>(call)).port));
    case xen::EVTCHNOP_close:
        return Outcome::of(events.close(TRY(fetch_argument<xen::evtchn_close>(call)).port));
    case xen::EVTCHNOP_expand_array:
        return Outcome::of(events.expand_array(Mfn{TRY(fetch_argument<xen::evtchn_expand_array>(call)).array_gfn}));
    case xen::EVTCHNOP_alloc_unbound:
        return alloc_unbound(call);
    case xen::EVTCHNOP_bind_interdomain:
        return bind_interdomain(call);
    case xen::EVTCHNOP_bind_virq:
        return bind_virq(call);
    case xen::EVTCHNOP_bind_ipi:
        return bind_ipi(call);
    case xen::EVTCHNOP_bind_pirq:
        return bind_pirq(call);
    case xen::EVTCHNOP_status:
        return status(call);
    case xen::EVTCHNOP_bind_vcpu:
        return bind_vcpu(call);
    case xen::EVTCHNOP_reset:
        return reset(call);
    case xen::EVTCHNOP_init_control:
        return init_control(call);
    case xen::EVTCHNOP_set_priority:
        return set_priority(call);
    default:
        return fail(Errno::enosys);
    }
}

} // namespace

Outcome event_channel_op(Call& call)
{
    if (call.narrow(0) != xen::EVTCHNOP_send) // which is what all others are for
        return unusual_operation(call);
    xen::evtchn_send sending;
    if (Status copied = guest::copy_in(sending, call[1]); !copied)
        return fail(copied.error());
    if (Status sent = call.domain.events.send(sending.port); !sent) [[unlikely]]
        return fail(sent.error());
    return Outcome::ok();
}

} // namespace rf::hypercall
