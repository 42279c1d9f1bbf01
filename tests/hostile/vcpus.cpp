// SPDX-License-Identifier: MIT
/// vCPUs that are made, stopped and asked for: the second stops and goes on, the third is offered states of every kind.
#include "world.hpp"
#include "xen/sched.h"
#include "xen/trap.h"
#include "xen/vcpu.h"

namespace rf::hostile {

using namespace rf::runtime;

namespace {

constexpr unsigned third = walkers;

/// A first state for the third vCPU: page tables of ours or of anybody, addresses of every kind.
void offer_a_state()
{
    static constinit xen::vcpu_guest_context states[walkers]{};
    auto& state = states[processor_number()];
    state = {};
    state.flags = xen::VGCF_in_kernel;
    const auto root = [] { return self().random.once_in(2) ? Ground::table_frame(0) : self().frame(); };
    state.ctrlreg[3] = xen::xen_pfn_to_cr3(root());
    state.ctrlreg[1] = self().random.once_in(3) ? 0 : xen::xen_pfn_to_cr3(root());
    if (self().random.once_in(4)) {
        state.gdt_ents = self().random.below(8192);
        for (auto& frame : state.gdt_frames)
            frame = self().frame();
    }
    if (self().random.once_in(4)) {
        state.ldt_ents = self().random.below(8200);
        state.ldt_base = self().value();
    }
    if (self().random.once_in(4))
        state.event_callback_eip = self().value();
    if (self().random.once_in(4))
        state.trap_ctxt[self().random.below(256)].address = self().value();
    state.debugreg[self().random.below(8)] = self().value();
    state.user_regs.rflags = self().value();
    self().call(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_initialise, third, as_argument(&state));
}

/// The other one stops, wherever it is, and goes on.
void stop_the_other()
{
    const unsigned other = walkers - 1 - processor_number();
    self().call(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_down, other);
    self().call(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield);
    self().call(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_up, other);
}

void ask_for_something()
{
    const auto operation = self().random.once_in(8) ? self().value() : self().random.below(16);
    switch (static_cast<std::uint32_t>(operation)) {
    case xen::VCPUOP_initialise: return offer_a_state();
    case xen::VCPUOP_up:
    case xen::VCPUOP_down: return stop_the_other();
    case xen::VCPUOP_register_vcpu_info: return;  // for good, and once
    default: self().call(xen::HYPERVISOR_vcpu_op, operation, self().random.once_in(8) ? self().value() : self().random.below(4), self().arguments());
    }
}

}  // namespace

void abuse_vcpus()
{
    static constexpr void (*moves[])() = {offer_a_state, ask_for_something, ask_for_something, ask_for_something};
    moves[self().random.below(std::size(moves))]();
}

}  // namespace rf::hostile
