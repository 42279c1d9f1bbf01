// SPDX-License-Identifier: MIT
/// The C++ side of the doors in entry.S.
#include "base/log.hpp"
#include "base/panic.hpp"
#include "cpu/block.hpp"
#include "cpu/guards.hpp"
#include "cpu/ipi.hpp"
#include "cpu/local_apic.hpp"
#include "cpu/vectors.hpp"
#include "dev/interrupts.hpp"
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "entry/layout.h"
#include "entry/leave.hpp"
#include "hypercall/dispatch.hpp"
#include "pvcpu/bounce.hpp"
#include "pvcpu/faults.hpp"

#include <cstddef>

namespace rf::entry {
namespace {

using Picture = xen::cpu_user_regs;

static_assert(offsetof(Picture, error_code) == FRAME_ERROR_CODE);
static_assert(offsetof(Picture, es) == FRAME_ES);
static_assert(sizeof(cpu::StackTop) == STACK_TOP_SIZE);
static_assert(offsetof(cpu::StackTop, guest) == 0);
static_assert(offsetof(Picture, rsp) == FRAME_RSP);
static_assert(offsetof(cpu::StackTop, work) == FRAME_RSP + TOP_WORK);
static_assert(offsetof(cpu::StackTop, scratch) == FRAME_RSP + TOP_SCRATCH);
static_assert(offsetof(cpu::StackTop, pv) == FRAME_RSP + TOP_PV);
static_assert(offsetof(cpu::StackTop, live_info) == FRAME_RSP + TOP_LIVE_INFO);
static_assert(offsetof(domain::PvState, in_kernel) == PV_IN_KERNEL && offsetof(domain::PvState, quick_bounce) == PV_QUICK_BOUNCE);
static_assert(offsetof(domain::PvState, nmi_pending) == PV_URGENT && offsetof(domain::PvState, failsafe_due) == PV_URGENT + 1);
static_assert(offsetof(domain::PvState, kernel_root) == PV_KERNEL_ROOT && offsetof(domain::PvState, user_root) == PV_USER_ROOT);
static_assert(offsetof(domain::PvState, kernel_stack) == PV_KERNEL_STACK && offsetof(domain::PvState, syscall) == PV_SYSCALL);
static_assert(offsetof(cpu::StackTop, pv) == STACK_PV && offsetof(cpu::StackTop, guest_root) == STACK_GUEST_ROOT);
static_assert(offsetof(cpu::StackTop, guest_root) == FRAME_RSP + TOP_GUEST_ROOT && offsetof(cpu::StackTop, guards) == FRAME_RSP + TOP_GUARDS);
static_assert(offsetof(cpu::StackTop, home_root) == STACK_HOME_ROOT && offsetof(cpu::StackTop, guards) == STACK_GUARDS);
static_assert(offsetof(cpu::StackTop, speculation_control) == STACK_SPECULATION && cpu::stack_size == STACK_SIZE);
static_assert(static_cast<std::uint32_t>(Return::sysret) == RETURN_SYSRET && static_cast<std::uint32_t>(Return::iret_kept) % 2 != RETURN_SYSRET);
static_assert(static_cast<std::uint32_t>(Return::sysret_kept) == RETURN_SYSRET_KEPT);
static_assert(offsetof(Picture, r15) == 0 && offsetof(Picture, r11) == KEPT_REGISTERS_SIZE);
static_assert(cpu::msr::spec_ctrl == MSR_SPEC_CTRL && cpu::guard_bit::returns == GUARD_RETURNS);
static_assert(cpu::guard_bit::history == GUARD_HISTORY && cpu::guard_bit::branches == GUARD_BRANCHES);
static_assert(offsetof(domain::PvState, kernel_view) == PV_KERNEL_VIEW && offsetof(domain::PvState, user_view) == PV_USER_VIEW);
static_assert(offsetof(xen::vcpu_info, evtchn_upcall_pending) == INFO_PENDING);
static_assert(offsetof(xen::vcpu_info, evtchn_upcall_mask) == INFO_MASK);
static_assert(offsetof(xen::iret_context, flags) == IRET_FLAGS && offsetof(xen::iret_context, rip) == IRET_RIP && offsetof(xen::iret_context, rsp) == IRET_RSP);
static_assert(sizeof(xen::iret_context) == IRET_SIZE);
static_assert(STACK_TOP_SIZE % 16 == 8, "RSP0 must be 16-byte aligned or the processor would move it");
static_assert(cpu::entry_by_syscall == ENTRY_SYSCALL);
static_assert(address_map::cpu_block_size == BLOCK_SIZE && cpu::block::stack_end == BLOCK_STACK_END);

void on_interrupt(std::uint8_t vector)
{
    switch (vector) {
    case cpu::vector::timer:
        cpu::local_apic::end_of_interrupt();
        cpu::raise(cpu::Work::timer);
        break;
    case cpu::vector::ipi:
        cpu::local_apic::end_of_interrupt();
        cpu::on_ipi();
        break;
    case cpu::vector::error:
        cpu::local_apic::end_of_interrupt();
        log::warning("local APIC of CPU ", cpu::current_id(), " reports ", log::Hex{cpu::local_apic::take_errors()});
        break;
    case cpu::vector::spurious:
        break;
    default:
        if (vector >= cpu::vector::first_device && vector <= cpu::vector::last_device)
            dev::on_interrupt(vector);
    }
}

[[nodiscard]] bool is_exception(Picture const& regs) { return regs.entry_vector < 32; }

} // namespace

extern "C" {

void on_hypervisor_exception(Picture& regs); // cpu/exception.cpp

/// An exception or interrupt in guest mode.
Return on_guest_trap(cpu::StackTop& top)
{
    domain::Vcpu& vcpu = *top.current;
    if (is_exception(top.guest)) [[likely]]
        pvcpu::on_exception(vcpu, top.guest);
    else
        on_interrupt(static_cast<std::uint8_t>(top.guest.entry_vector));
    return leave_quickly<Registers::changed>(top, vcpu);
}

/// An interrupt of the idle loop, or a fault that the hypervisor foresaw.
void on_hypervisor_trap(Picture& regs)
{
    if (is_exception(regs))
        on_hypervisor_exception(regs);
    else
        on_interrupt(static_cast<std::uint8_t>(regs.entry_vector));
}

/// A CPU begins to serve guests.
Return on_begin(Picture&) { return leave(); }

/// SYSCALL in guest kernel mode.
Return on_hypercall(cpu::StackTop& top)
{
    domain::Vcpu& vcpu = *top.current;
    hypercall::dispatch(vcpu, top.guest);
    return leave_quickly<Registers::callee_saved_kept>(top, vcpu);
}

/// SYSCALL in guest user mode, where the short way was not open.
Return on_syscall(cpu::StackTop& top)
{
    domain::Vcpu& vcpu = *top.current;
    pvcpu::bounce_syscall(vcpu, top.guest);
    return leave_quickly<Registers::callee_saved_kept>(top, vcpu);
}

Return on_syscall32(Picture& regs)
{
    pvcpu::bounce_syscall32(*cpu::current_vcpu(), regs);
    return leave();
}

Return on_sysenter(Picture& regs)
{
    pvcpu::bounce_sysenter(*cpu::current_vcpu(), regs);
    return leave();
}

Return on_refused_return(Picture& regs)
{
    pvcpu::on_refused_return(*cpu::current_vcpu(), regs);
    return leave();
}

void on_nmi(Picture&)
{
    cpu::stop_if_asked();
    // A board NMI is Dom0's business; it hears it when its first vCPU next leaves the hypervisor.
    if (domain::Domain* control = domain::control_domain())
        if (domain::Vcpu* vcpu = control->vcpu(0))
            vcpu->pv.nmi_pending.store(true, relaxed);
}

/// Double fault or machine check: nothing can be trusted any more.
void on_fatal_exception(Picture& regs)
{
    on_hypervisor_exception(regs);
    panic("an exception that cannot be survived");
}

} // extern "C"

} // namespace rf::entry
