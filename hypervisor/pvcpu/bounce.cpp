// SPDX-License-Identifier: MIT
#include "pvcpu/bounce.hpp"

#include "base/log.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"
#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "pvcpu/mode.hpp"
#include "xen/mmu.h"
#include "xen/trap.h"

namespace rf::pvcpu {
namespace {

using cpu::exception::general_protection;
using cpu::exception::invalid_opcode;
using domain::Callback;
using domain::Vcpu;
using Registers = xen::cpu_user_regs;

/// At most: rcx r11, four selectors, error code, the five words of iretq.
constexpr unsigned max_words = 12;

class Frame {
public:
    void push(std::uint64_t word) { words_[count_++] = word; }
    [[nodiscard]] std::uint64_t bytes() const { return count_ * 8ull; }
    [[nodiscard]] std::uint64_t const* words() const { return words_; }

private:
    std::uint64_t words_[max_words];
    unsigned count_ = 0;
};

/// RFLAGS as the guest is to see them.
[[nodiscard]] std::uint64_t visible_flags(Vcpu const& vcpu, std::uint64_t flags)
{
    flags &= ~(cpu::rflags::interrupt | cpu::rflags::iopl);
    if (!vcpu.events.upcall_masked())
        flags |= cpu::rflags::interrupt;
    if (vcpu.domain().assists.load(relaxed) >> xen::VMASST_TYPE_architectural_iopl & 1)
        flags |= static_cast<std::uint64_t>(vcpu.pv.io_privilege) << 12;
    return flags;
}

enum class Selectors : std::uint8_t { omitted, included };

/// The interrupted state, taken before the mode changes.
[[nodiscard]] Frame frame_of(Vcpu const& vcpu, Registers const& regs, std::optional<std::uint32_t> error_code,
                             Selectors selectors)
{
    Frame frame;
    frame.push(regs.rcx);
    frame.push(regs.r11);
    if (selectors == Selectors::included)
        for (std::uint16_t selector : {cpu::read_ds(), cpu::read_es(), cpu::read_fs(), cpu::read_gs()})
            frame.push(selector);
    if (error_code)
        frame.push(*error_code);
    std::uint64_t const cs = vcpu.pv.in_kernel ? regs.cs & ~3u : regs.cs;
    frame.push(regs.rip);
    frame.push(cs | (vcpu.events.upcall_masked() ? 1ull << 32 : 0));
    frame.push(visible_flags(vcpu, regs.rflags));
    frame.push(regs.rsp);
    frame.push(regs.ss);
    return frame;
}

/// Puts the frame on the kernel stack and continues the vCPU at `address`.
void enter_handler(Vcpu& vcpu, Registers& regs, Frame const& frame, std::uint64_t address, bool masks_events)
{
    std::uint64_t stack = regs.rsp;
    if (!vcpu.pv.in_kernel) {
        enter_kernel(vcpu);
        stack = vcpu.pv.kernel_stack;
    }
    stack = (stack & ~15ull) - frame.bytes();
    if (!guest::copy_bytes_out(GuestVirtual{stack}, frame.words(), frame.bytes()))
        return vcpu.domain().crash("its kernel stack cannot take an exception frame");
    regs.rsp = stack;
    regs.ss = xen::FLAT_KERNEL_SS;
    regs.cs = xen::FLAT_KERNEL_CS;
    regs.rip = address;
    regs.rflags &= ~(cpu::rflags::ac | cpu::rflags::nt | cpu::rflags::rf | cpu::rflags::tf | cpu::rflags::vm |
                     cpu::rflags::iopl);
    regs.rflags |= cpu::rflags::interrupt;
    regs.entry_vector = 0; // no SYSRET shortcut
    if (masks_events)
        vcpu.events.mask_upcalls();
}

void call_back(Vcpu& vcpu, Registers& regs, Callback const& callback, bool masks_events)
{
    enter_handler(vcpu, regs, frame_of(vcpu, regs, std::nullopt, Selectors::omitted), callback.address, masks_events);
}

} // namespace

void deliver_trap(Vcpu& vcpu, Registers& regs, unsigned vector, std::optional<std::uint32_t> error_code)
{
    domain::TrapGate const& gate = vcpu.pv.traps[vector];
    if (gate.address == 0) {
        log::Line why;
        why.put("exception ");
        why.put(vector);
        why.put(" without a handler");
        return vcpu.domain().crash(why.text());
    }
    bool const masks_events = gate.flags & xen::TRAP_INFO_MASK_EVENTS;
    enter_handler(vcpu, regs, frame_of(vcpu, regs, error_code, Selectors::omitted), gate.address, masks_events);
}

void deliver_page_fault(Vcpu& vcpu, Registers& regs, std::uint64_t address, std::uint32_t error_code)
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
    else if (vcpu.pv.traps[cpu::exception::nmi].address != 0)
        deliver_trap(vcpu, regs, cpu::exception::nmi);
}

void deliver_failsafe(Vcpu& vcpu, Registers& regs)
{
    vcpu.pv.failsafe_due = false;
    if (vcpu.pv.failsafe.address == 0)
        return vcpu.domain().crash("a segment register could not be loaded and there is no failsafe callback");
    Frame const frame = frame_of(vcpu, regs, std::nullopt, Selectors::included);
    enter_handler(vcpu, regs, frame, vcpu.pv.failsafe.address, vcpu.pv.failsafe.masks_events);
}

void bounce_syscall(Vcpu& vcpu, Registers& regs)
{
    constexpr unsigned syscall_length = 2;
    if (vcpu.pv.syscall.address == 0) {
        regs.rip -= syscall_length;
        return deliver_trap(vcpu, regs, invalid_opcode);
    }
    call_back(vcpu, regs, vcpu.pv.syscall, vcpu.pv.syscall.masks_events);
    regs.rflags &= ~cpu::rflags::df;
}

void bounce_syscall32(Vcpu& vcpu, Registers& regs)
{
    constexpr unsigned syscall_length = 2;
    regs.cs = xen::FLAT_USER_CS32;
    regs.ss = xen::FLAT_USER_SS32;
    if (vcpu.pv.in_kernel || vcpu.pv.syscall32.address == 0) {
        regs.rip -= syscall_length;
        return deliver_trap(vcpu, regs, invalid_opcode);
    }
    call_back(vcpu, regs, vcpu.pv.syscall32, vcpu.pv.syscall32.masks_events);
    regs.rflags &= ~cpu::rflags::df;
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
