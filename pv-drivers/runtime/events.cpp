// SPDX-License-Identifier: MIT
#include "events.hpp"

#include <atomic>
#include <bit>

#include "processors.hpp"
#include "timer.hpp"
#include "xen/domid.h"
#include "xen/errno.h"
#include "xen/trap.h"
#include "xen/version.h"

extern "C" void runtime_event_entry();
extern "C" void runtime_failsafe_entry();

namespace rf::runtime {

namespace {

/// An operation whose argument's member `port` tells the new port.
template <class Argument>
[[nodiscard]] Result<Port> new_port(xen::evtchnop operation, Argument argument, Port Argument::*port)
{
    const auto done = checked(hypercall(xen::HYPERVISOR_event_channel_op, operation, &argument));
    if (!done)
        return std::unexpected(done.error());
    return argument.*port;
}

[[nodiscard]] Result<long> register_callback(xen::callback_type type, void (*entry)())
{
    xen::callback_register registration{type, xen::CALLBACKF_mask_events, reinterpret_cast<std::uint64_t>(entry)};
    return checked(hypercall(xen::HYPERVISOR_callback_op, xen::CALLBACKOP_register, &registration));
}

[[nodiscard]] std::uint64_t bit_of(Port port)
{
    return std::uint64_t{1} << (port % 64);
}

}  // namespace

constinit Events events;

Result<void> Events::initialise(xen::shared_info* shared)
{
    shared_ = shared;
    for (auto& word : shared_->evtchn_mask)
        std::atomic_ref(word).store(~std::uint64_t{0});
    if (auto done = register_callback(xen::CALLBACKTYPE_event, runtime_event_entry); !done)
        return std::unexpected(done.error());
    if (auto done = register_callback(xen::CALLBACKTYPE_failsafe, runtime_failsafe_entry); !done)
        return std::unexpected(done.error());
    unmask_upcalls();
    return {};
}

Result<Port> Events::bind_virq(xen::virq_number virq)
{
    return new_port(xen::EVTCHNOP_bind_virq, xen::evtchn_bind_virq{virq, 0, 0}, &xen::evtchn_bind_virq::port);
}

Result<Port> Events::open(xen::domid_t remote)
{
    const auto port = new_port(xen::EVTCHNOP_alloc_unbound, xen::evtchn_alloc_unbound{xen::DOMID_SELF, remote, 0}, &xen::evtchn_alloc_unbound::port);
    if (!port)
        return port;
    if (auto handled = handle(*port, [](Port, void*) {}, nullptr); !handled) {
        close(*port);
        return std::unexpected(handled.error());
    }
    return port;
}

Result<Port> Events::bind_interdomain(xen::domid_t remote, Port remote_port)
{
    return new_port(xen::EVTCHNOP_bind_interdomain, xen::evtchn_bind_interdomain{remote, remote_port, 0},
                    &xen::evtchn_bind_interdomain::local_port);
}

void Events::close(Port port)
{
    mask(port);
    xen::evtchn_close closing{port};
    hypercall(xen::HYPERVISOR_event_channel_op, xen::EVTCHNOP_close, &closing);
    if (port < handled_ports)
        entries_[port] = {};
}

void Events::notify(Port port)
{
    xen::evtchn_send sending{port};
    hypercall(xen::HYPERVISOR_event_channel_op, xen::EVTCHNOP_send, &sending);
}

Result<void> Events::handle(Port port, Handler handler, void* context)
{
    if (port >= handled_ports)
        return std::unexpected(Error{xen::XEN_EINVAL});
    {
        const EventsMasked masked;
        entries_[port] = {handler, context};
    }
    unmask(port);
    return {};
}

void Events::mask(Port port)
{
    if (port < xen::EVTCHN_2L_NR_CHANNELS)
        std::atomic_ref(shared_->evtchn_mask[port / 64]).fetch_or(bit_of(port));
}

void Events::unmask(Port port)
{
    // the hypercall, because a pending event must also be raised anew
    xen::evtchn_unmask unmasking{port};
    hypercall(xen::HYPERVISOR_event_channel_op, xen::EVTCHNOP_unmask, &unmasking);
}

bool Events::wait(front::Condition ready, std::uint64_t nanoseconds)
{
    if (nanoseconds == for_ever) {
        wait_until(ready);
        return true;
    }
    return timer.wait_until(ready, timer.now() + nanoseconds);
}

void Events::poll(Port port, std::uint64_t nanoseconds)
{
    if (shared_ == nullptr || port == 0 || port >= xen::EVTCHN_2L_NR_CHANNELS) {
        hypercall(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield, nullptr);
        return;
    }
    // a masked port keeps its pending bit, with which the poll would return at once for ever
    std::uint64_t& mask_word = shared_->evtchn_mask[port / 64];
    if ((std::atomic_ref(mask_word).load() & bit_of(port)) != 0)
        std::atomic_ref(shared_->evtchn_pending[port / 64]).fetch_and(~bit_of(port));
    xen::sched_poll polling{handle_of(&port), 1, timer.now() + nanoseconds};
    hypercall(xen::HYPERVISOR_sched_op, xen::SCHEDOP_poll, &polling);
}

bool Events::mask_upcalls()
{
    if (shared_ == nullptr)
        return true;
    return std::atomic_ref(own_info().evtchn_upcall_mask).exchange(1) != 0;
}

void Events::mask_upcalls_of(unsigned number)
{
    std::atomic_ref(shared_->vcpu_info[number].evtchn_upcall_mask).store(1);
}

xen::vcpu_info& Events::own_info()
{
    return shared_->vcpu_info[processor_number()];
}

void Events::unmask_upcalls()
{
    if (shared_ == nullptr)
        return;
    auto& own = own_info();
    std::atomic_ref(own.evtchn_upcall_mask).store(0);
    // the hypervisor looks at pending events only on its way back to the guest
    if (std::atomic_ref(own.evtchn_upcall_pending).load() != 0)
        hypercall(xen::HYPERVISOR_xen_version, xen::XENVER_version, nullptr);
}

void Events::dispatch()
{
    auto& own = own_info();
    while (std::atomic_ref(own.evtchn_upcall_pending).exchange(0) != 0) {
        std::uint64_t words = std::atomic_ref(own.evtchn_pending_sel).exchange(0);
        for (; words != 0; words &= words - 1)
            dispatch_word(static_cast<unsigned>(std::countr_zero(words)));
    }
}

void Events::dispatch_word(unsigned word)
{
    const std::uint64_t unmasked = ~std::atomic_ref(shared_->evtchn_mask[word]).load();
    std::uint64_t pending = std::atomic_ref(shared_->evtchn_pending[word]).load() & unmasked;
    std::atomic_ref(shared_->evtchn_pending[word]).fetch_and(~pending);
    for (; pending != 0; pending &= pending - 1) {
        const Port port = word * 64 + static_cast<Port>(std::countr_zero(pending));
        if (port < handled_ports && entries_[port].handler != nullptr)
            entries_[port].handler(port, entries_[port].context);
    }
}

}  // namespace rf::runtime
