// SPDX-License-Identifier: MIT
#include "processors.hpp"

#include "events.hpp"
#include "exceptions.hpp"
#include "hypercall.hpp"
#include "memory.hpp"
#include "runtime.hpp"
#include "xen/errno.h"
#include "xen/trap.h"
#include "xen/vcpu.h"

extern "C" void runtime_event_entry();
extern "C" void runtime_failsafe_entry();

namespace rf::runtime {

namespace detail {
constinit const ProcessorStack* stacks[most_processors] = {};
constinit unsigned highest_started = 0;
}  // namespace detail

namespace {

constinit xen::vcpu_guest_context first_state{};  // too large for a stack

void fill_first_state(ProcessorStack& stack, void (*program)())
{
    const auto end = reinterpret_cast<std::uint64_t>(&stack + 1);
    auto& state = first_state;
    state = {};
    state.flags = xen::VGCF_in_kernel | xen::VGCF_failsafe_disables_events;
    state.user_regs.rip = reinterpret_cast<std::uint64_t>(program);
    state.user_regs.rsp = end - 8;  // as after a call
    state.user_regs.cs = xen::FLAT_KERNEL_CS;
    state.user_regs.ss = xen::FLAT_KERNEL_SS;
    state.user_regs.rflags = 0x202;
    state.kernel_ss = xen::FLAT_KERNEL_SS;
    state.kernel_sp = end;
    state.ctrlreg[3] = xen::xen_pfn_to_cr3(static_cast<std::uint64_t>(memory.machine_frame(reinterpret_cast<void*>(start_info().pt_base))));
    state.event_callback_eip = reinterpret_cast<std::uint64_t>(runtime_event_entry);
    state.failsafe_callback_eip = reinterpret_cast<std::uint64_t>(runtime_failsafe_entry);
    for_each_exception([](const xen::trap_info& trap) { first_state.trap_ctxt[trap.vector] = trap; });
}

}  // namespace

Result<void> start_processor(unsigned number, ProcessorStack& stack, void (*program)())
{
    if (number == 0 || number >= most_processors)
        return std::unexpected(Error{xen::XEN_EINVAL});
    if (auto done = memory.make_inaccessible(stack.guard); !done)
        return done;
    fill_first_state(stack, program);
    events.mask_upcalls_of(number);
    if (auto done = checked(hypercall(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_initialise, number, &first_state)); !done)
        return std::unexpected(done.error());
    detail::stacks[number] = &stack;
    if (number > detail::highest_started)
        detail::highest_started = number;
    if (auto done = checked(hypercall(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_up, number, nullptr)); !done)
        return std::unexpected(done.error());
    return {};
}

}  // namespace rf::runtime
