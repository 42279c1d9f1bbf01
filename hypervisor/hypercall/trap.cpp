// SPDX-License-Identifier: MIT
/// The paravirtual processor: trap table, callbacks, stacks, segments, debug registers, iret.
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "pvcpu/control_registers.hpp"
#include "pvcpu/debug_registers.hpp"
#include "pvcpu/iret.hpp"
#include "pvcpu/mode.hpp"
#include "pvcpu/segments.hpp"
#include "xen/nmi.h"
#include "xen/trap.h"

#include <memory>

namespace rf::hypercall {
namespace {

using domain::Callback;
using domain::PvState;

/// One entry of the guest's list, checked. Errno::einval.
[[nodiscard]] Result<domain::TrapGate> decode_gate(xen::trap_info const& trap)
{
    if (!is_canonical(trap.address))
        return fail(Errno::einval);
    return domain::TrapGate{trap.address, static_cast<std::uint16_t>(trap.cs | 3), trap.flags};
}

/// The slot of a callback type, and whether it may be taken away.
struct Slot {
    Callback PvState::*member;
    bool removable;
};

[[nodiscard]] Result<Slot> slot_of(std::uint16_t type)
{
    switch (type) {
    case xen::CALLBACKTYPE_event:
        return Slot{&PvState::event, false};
    case xen::CALLBACKTYPE_failsafe:
        return Slot{&PvState::failsafe, false};
    case xen::CALLBACKTYPE_syscall:
        return Slot{&PvState::syscall, true};
    case xen::CALLBACKTYPE_syscall32:
        return Slot{&PvState::syscall32, true};
    case xen::CALLBACKTYPE_sysenter:
    case xen::CALLBACKTYPE_sysenter_deprecated:
        return Slot{&PvState::sysenter, true};
    case xen::CALLBACKTYPE_nmi:
        return Slot{&PvState::nmi, true};
    default:
        return fail(Errno::enosys);
    }
}

[[nodiscard]] Status register_callback(PvState& pv, xen::callback_register const& request)
{
    Slot const slot = TRY(slot_of(request.type));
    if (!is_canonical(request.address))
        return fail(Errno::einval);
    bool const masks = request.type == xen::CALLBACKTYPE_event || (request.flags & xen::CALLBACKF_mask_events);
    pv.*slot.member = {request.address, masks};
    return {};
}

[[nodiscard]] Status unregister_callback(PvState& pv, xen::callback_unregister const& request)
{
    Slot const slot = TRY(slot_of(request.type));
    if (!slot.removable)
        return fail(Errno::einval);
    pv.*slot.member = {};
    return {};
}

} // namespace

Outcome set_trap_table(Call& call)
{
    PvState& pv = call.vcpu.pv;
    if (call[0] == 0) {
        pv.traps.clear();
        return Outcome::ok();
    }
    // A list of all 256 vectors and its terminator is the longest that makes sense.
    guest::Array<xen::trap_info> const list{call[0], 257};
    for (std::uint64_t i = 0; i < list.size(); ++i) {
        auto const trap = list.at(i);
        if (!trap)
            return fail(trap.error());
        if (trap->address == 0)
            return Outcome::ok();
        auto const gate = decode_gate(*trap);
        if (!gate)
            return fail(gate.error());
        pv.traps.set(trap->vector, *gate);
    }
    return fail(Errno::einval);
}

Outcome set_callbacks(Call& call)
{
    for (unsigned i = 0; i < 3; ++i)
        if (!is_canonical(call[i]))
            return fail(Errno::einval);
    PvState& pv = call.vcpu.pv;
    pv.event = {call[0], true};
    pv.failsafe = {call[1], pv.failsafe.masks_events};
    pv.syscall = {call[2], pv.syscall.masks_events};
    pvcpu::choose_bounce(call.vcpu);
    return Outcome::ok();
}

namespace {

[[nodiscard]] Outcome change_callback(Call& call)
{
    PvState& pv = call.vcpu.pv;
    switch (call.narrow(0)) {
    case xen::CALLBACKOP_register: {
        auto const request = guest::fetch<xen::callback_register>(call[1]);
        return request ? Outcome::of(register_callback(pv, *request)) : fail(request.error());
    }
    case xen::CALLBACKOP_unregister: {
        auto const request = guest::fetch<xen::callback_unregister>(call[1]);
        return request ? Outcome::of(unregister_callback(pv, *request)) : fail(request.error());
    }
    default:
        return fail(Errno::enosys);
    }
}

} // namespace

Outcome callback_op(Call& call)
{
    Outcome const outcome = change_callback(call);
    pvcpu::choose_bounce(call.vcpu);
    return outcome;
}

Outcome stack_switch(Call& call)
{
    call.vcpu.pv.kernel_stack_selector = static_cast<std::uint16_t>(call[0] | 3);
    call.vcpu.pv.kernel_stack = call[1];
    pvcpu::choose_bounce(call.vcpu);
    return Outcome::ok();
}

Outcome fpu_taskswitch(Call& call)
{
    pvcpu::set_task_switched(call.vcpu, call.narrow(0) != 0);
    return Outcome::ok();
}

Outcome set_debugreg(Call& call)
{
    return Outcome::of(pvcpu::set_debug_register(call.vcpu, call.narrow(0), call[1]));
}

Outcome get_debugreg(Call& call)
{
    auto const value = pvcpu::get_debug_register(call.vcpu, call.narrow(0));
    return value ? Outcome::value(static_cast<std::int64_t>(*value)) : fail(Errno::einval);
}

Outcome set_segment_base(Call& call)
{
    std::uint64_t const base = call[1];
    std::uint32_t const which = call.narrow(0);
    if (which == xen::SEGBASE_GS_USER_SEL) {
        pvcpu::set_gs_selector_user(call.vcpu, static_cast<std::uint16_t>(base));
        return Outcome::ok();
    }
    if (!is_canonical(base))
        return fail(Errno::einval);
    switch (which) {
    case xen::SEGBASE_FS:
        pvcpu::set_fs_base(call.vcpu, base);
        return Outcome::ok();
    case xen::SEGBASE_GS_USER:
        pvcpu::set_gs_base_user(call.vcpu, base);
        return Outcome::ok();
    case xen::SEGBASE_GS_KERNEL:
        pvcpu::set_gs_base_kernel(call.vcpu, base);
        return Outcome::ok();
    default:
        return fail(Errno::einval);
    }
}

Outcome iret(Call& call)
{
    // In a multicall there is no frame of the caller's to return through.
    if (call.in_multicall)
        return fail(Errno::einval);
    pvcpu::return_from_kernel(call.vcpu, call.registers);
    return Outcome::registers_replaced();
}

Outcome nmi_op(Call& call)
{
    PvState& pv = call.vcpu.pv;
    switch (call.narrow(0)) {
    case xen::XENNMI_register_callback: {
        auto const request = guest::fetch<xen::xennmi_callback>(call[1]);
        if (!request)
            return fail(request.error());
        if (call.vcpu.id() != 0 || !is_canonical(request->handler_address))
            return fail(Errno::einval);
        pv.nmi = {request->handler_address, true};
        return Outcome::ok();
    }
    case xen::XENNMI_unregister_callback:
        pv.nmi = {};
        return Outcome::ok();
    default:
        return fail(Errno::enosys);
    }
}

} // namespace rf::hypercall
