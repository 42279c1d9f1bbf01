// SPDX-License-Identifier: MIT
#include "pvcpu/bounce.hpp"

#include "base/log.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"
#include "cpu/vectors.hpp"
#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "pvcpu/mode.hpp"
#include "xen/mmu.h"
#include "xen/trap.h"

#include <algorithm>
#include <array>

namespace rf::pvcpu {
namespace {

using cpu::exception::general_protection;
using cpu::exception::invalid_opcode;
using domain::Callback;
using domain::Vcpu;
using Registers = xen::cpu_user_regs;

/// RFLAGS as the guest is to see them.
[[nodiscard]] inline std::uint64_t visible_flags(Vcpu const& vcpu, std::uint64_t flags, bool masked)
{
    flags &= ~(cpu::rflags::interrupt | cpu::rflags::iopl);
    if (!masked)
        flags |= cpu::rflags::interrupt;
    if (vcpu.domain().assists.load(relaxed) >> xen::VMASST_TYPE_architectural_iopl & 1)
        flags |= static_cast<std::uint64_t>(vcpu.pv.io_privilege) << 12;
    return flags;
}

template <std::size_t Extra>
[[nodiscard]] inline bool put_frame(std::uint64_t at, Registers const& regs, std::array<std::uint64_t, Extra> const& extra,
                                    std::uint64_t cs, std::uint64_t flags)
{
    if constexpr (Extra == 0) {
        return guest::put_interrupted(at, regs, cs, flags);
    } else if constexpr (Extra == 1) {
        return guest::put_interrupted(at, regs, cs, flags, extra[0]);
    } else {
        std::array<std::uint64_t, guest::interrupted_words + Extra> frame{regs.rcx, regs.r11};
        std::copy(extra.begin(), extra.end(), frame.begin() + 2);
        std::array<std::uint64_t, 5> const rest{regs.rip, cs, flags, regs.rsp, regs.ss};
        std::copy(rest.begin(), rest.end(), frame.begin() + 2 + Extra);
        return guest::copy_out(at, frame).has_value();
    }
}

/// Pushes the interrupted state with the `extra` words behind r11, and continues the vCPU at `address`.
template <std::size_t Extra>
[[gnu::always_inline]] inline void enter_handler(Vcpu& vcpu, Registers& regs, std::array<std::uint64_t, Extra> const& extra,
                                                 std::uint64_t address, bool masks_events)
{
    bool const was_in_kernel = vcpu.pv.in_kernel;
    bool const masked = vcpu.events.upcall_masked();
    std::uint64_t const cs = (was_in_kernel ? regs.cs & ~3u : regs.cs) | (masked ? 1ull << 32 : 0);
    std::uint64_t const flags = visible_flags(vcpu, regs.rflags, masked);
    std::uint64_t stack = regs.rsp;
    if (!was_in_kernel) {
        enter_kernel(vcpu);
        stack = vcpu.pv.kernel_stack;
    }
    stack = (stack & ~15ull) - (guest::interrupted_words + Extra) * 8;
    if (!put_frame(stack, regs, extra, cs, flags)) [[unlikely]]
        return vcpu.domain().crash("its kernel stack cannot take an exception frame");
    if (masks_events)
        vcpu.events.mask_upcalls();
    regs.rsp = stack;
    regs.ss = xen::FLAT_KERNEL_SS;
    regs.cs = xen::FLAT_KERNEL_CS;
    regs.rip = address;
    regs.rflags = (regs.rflags & ~(cpu::rflags::ac | cpu::rflags::nt | cpu::rflags::rf | cpu::rflags::tf | cpu::rflags::vm |
                                   cpu::rflags::iopl)) |
                  cpu::rflags::interrupt;
    // The handler finds rcx and r11 on its stack; in the registers they may be what SYSRET needs.
    regs.rcx = regs.rip;
    regs.r11 = regs.rflags;
    regs.entry_vector = cpu::entry_by_syscall;
}

constexpr std::array<std::uint64_t, 0> nothing{};

[[gnu::always_inline]] inline void call_back(Vcpu& vcpu, Registers& regs, Callback const& callback, bool masks_events)
{
    enter_handler(vcpu, regs, nothing, callback.address, masks_events);
}

/// Without a handler the domain crashes.
[[gnu::cold]] void crash_without_handler(Vcpu& vcpu, unsigned vector)
{
    log::Line why;
    why.put("exception ");
    why.put(vector);
    why.put(" without a handler");
    vcpu.domain().crash(why.text());
}

} // namespace

void deliver_trap(Vcpu& vcpu, Registers& regs, unsigned vector)
{
    domain::TrapTable const& traps = vcpu.pv.traps;
    if (traps.address(vector) == 0) [[unlikely]]
        return crash_without_handler(vcpu, vector);
    enter_handler(vcpu, regs, nothing, traps.address(vector), traps.flags(vector) & xen::TRAP_INFO_MASK_EVENTS);
}

void deliver_trap(Vcpu& vcpu, Registers& regs, unsigned vector, std::uint32_t error_code)
{
    domain::TrapTable const& traps = vcpu.pv.traps;
    if (traps.address(vector) == 0) [[unlikely]]
        return crash_without_handler(vcpu, vector);
    enter_handler(vcpu, regs, std::array<std::uint64_t, 1>{error_code}, traps.address(vector), traps.flags(vector) & xen::TRAP_INFO_MASK_EVENTS);
}

/// Apart, so that who finds nothing else to do with a fault needs no stack.
[[gnu::noinline]] void deliver_page_fault(Vcpu& vcpu, Registers& regs, std::uint64_t address, std::uint32_t error_code)
{
    shared(vcpu.events.info().arch.cr2).store(address, relaxed);
    deliver_trap(vcpu, regs, cpu::exception::page_fault, error_code);
}

void deliver_protection_fault(Vcpu& vcpu, Registers& regs, std::uint32_t error_code)
{
    deliver_trap(vcpu, regs, general_protection, error_code);
}

void deliver_events(Vcpu& vcpu, Registers& regs)
{
    if (vcpu.pv.event.address == 0)
        return;
    call_back(vcpu, regs, vcpu.pv.event, true);
}

void deliver_nmi(Vcpu& vcpu, Registers& regs)
{
    vcpu.pv.nmi_pending.store(false, relaxed);
    if (vcpu.pv.nmi.address != 0)
        call_back(vcpu, regs, vcpu.pv.nmi, true);
    else if (vcpu.pv.traps.address(cpu::exception::nmi) != 0)
        deliver_trap(vcpu, regs, cpu::exception::nmi);
}

void deliver_failsafe(Vcpu& vcpu, Registers& regs)
{
    vcpu.pv.failsafe_due = false;
    if (vcpu.pv.failsafe.address == 0)
        return vcpu.domain().crash("a segment register could not be loaded and there is no failsafe callback");
    std::array<std::uint64_t, 4> const selectors{cpu::read_ds(), cpu::read_es(), cpu::read_fs(), cpu::read_gs()};
    enter_handler(vcpu, regs, selectors, vcpu.pv.failsafe.address, vcpu.pv.failsafe.masks_events);
}

void bounce_syscall(Vcpu& vcpu, Registers& regs)
{
    constexpr unsigned syscall_length = 2;
    if (vcpu.pv.syscall.address == 0) {
        regs.rip -= syscall_length;
        return deliver_trap(vcpu, regs, invalid_opcode);
    }
    enter_handler(vcpu, regs, nothing, vcpu.pv.syscall.address, vcpu.pv.syscall.masks_events);
    regs.rflags &= ~cpu::rflags::df;
    regs.r11 = regs.rflags;
}

void bounce_syscall32(Vcpu& vcpu, Registers& regs)
{
    constexpr unsigned syscall_length = 2;
    regs.cs = xen::FLAT_USER_CS32;
    regs.ss = xen::FLAT_USER_SS32;
    regs.entry_vector = 0;
    if (vcpu.pv.in_kernel || vcpu.pv.syscall32.address == 0) {
        regs.rip -= syscall_length;
        return deliver_trap(vcpu, regs, invalid_opcode);
    }
    call_back(vcpu, regs, vcpu.pv.syscall32, vcpu.pv.syscall32.masks_events);
    regs.rflags &= ~cpu::rflags::df;
    regs.r11 = regs.rflags;
}

void bounce_sysenter(Vcpu& vcpu, Registers& regs)
{
    // The instruction tells neither where it was nor the stack: the guest knows both by its own convention.
    regs.rip = 0;
    regs.cs = 3;
    regs.rflags = cpu::rflags::interrupt | cpu::rflags::fixed;
    regs.rsp = 0;
    regs.ss = xen::FLAT_USER_SS;
    if (vcpu.pv.sysenter.address == 0)
        return deliver_protection_fault(vcpu, regs);
    call_back(vcpu, regs, vcpu.pv.sysenter, vcpu.pv.sysenter.masks_events);
}

} // namespace rf::pvcpu
