// SPDX-License-Identifier: MIT
/// From sending an event to the first instruction of the callback; from setting the timer to its callback.
#include "measure.hpp"
#include "stubs.hpp"
#include "xen/domid.h"
#include "xen/event.h"
#include "xen/trap.h"

extern "C" void runtime_event_entry();

namespace rf::bench {

using namespace runtime;

namespace {

void set_callback(void (*entry)())
{
    xen::callback_register registration{xen::CALLBACKTYPE_event, xen::CALLBACKF_mask_events, reinterpret_cast<std::uint64_t>(entry)};
    require(checked(hypercall(xen::HYPERVISOR_callback_op, xen::CALLBACKOP_register, &registration)), "set the event callback");
}

Port bind_ipi()
{
    xen::evtchn_bind_ipi binding{0, 0};
    require(checked(hypercall(xen::HYPERVISOR_event_channel_op, xen::EVTCHNOP_bind_ipi, &binding)), "bind an IPI");
    return binding.port;
}

void let_in(xen::shared_info& shared, Port port)
{
    std::atomic_ref(shared.evtchn_mask[port / 64]).fetch_and(~(1ull << port % 64));
}

/// Instructions from the send to the callback; what reading the counter takes here is in `overhead` as well.
std::uint64_t send(Port port)
{
    xen::evtchn_send sending{port};
    bench_event_ticks = 0;
    const std::uint64_t begin = ticks();
    MARK(MARK_BEGIN);
    hypercall(xen::HYPERVISOR_event_channel_op, xen::EVTCHNOP_send, &sending);
    return bench_event_ticks - begin;
}

/// Instructions that the hypervisor takes to set a timer, to answer its interrupt and to call back: the time that passed less
/// the guest's own waiting.
std::uint64_t wait_for_timer()
{
    constexpr std::uint64_t delay = 50000, instructions_per_turn = 3;
    bench_event_ticks = 0;
    const std::uint64_t deadline = timer.now() + delay;
    const std::uint64_t begin = ticks();
    hypercall(xen::HYPERVISOR_set_timer_op, deadline);
    const std::uint64_t turns = bench_spin_until_event();
    return bench_event_ticks - begin - turns * instructions_per_turn;
}

}  // namespace

void measure_events()
{
    if (!wanted("M14") && !wanted("M19"))
        return;
    std::byte* const page = memory.allocate();
    require(memory.map_shared(page, MachineFrame{start_info().shared_info / page_size}), "map the shared page once more");
    auto& shared = *reinterpret_cast<xen::shared_info*>(page);
    bench_event_vcpu_info = reinterpret_cast<std::uint64_t>(&shared.vcpu_info[0]);
    bench_event_pending_word = reinterpret_cast<std::uint64_t>(&shared.evtchn_pending[0]);  // all our ports are below 64
    set_callback(bench_on_event);
    if (wanted("M14")) {
        const Port ipi = bind_ipi();
        let_in(shared, ipi);
        measure_value("M14", 1000, 1, [ipi] { return send(ipi); });
        const Port near = require(events.open(xen::DOMID_SELF), "open a port");
        const Port far = require(events.bind_interdomain(xen::DOMID_SELF, near), "bind to ourselves");
        let_in(shared, near);
        measure_value("M14.interdomain", 1000, 1, [far] { return send(far); });
    }
    if (wanted("M19"))
        measure_value("M19", 200, 1, wait_for_timer);
    set_callback(runtime_event_entry);
}

}  // namespace rf::bench
