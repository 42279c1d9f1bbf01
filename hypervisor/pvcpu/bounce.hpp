// SPDX-License-Identifier: MIT
#pragma once
/// Delivery into the guest: builds a frame on the guest's kernel stack and points the vCPU at a handler.
///
/// The frame, ascending from the new stack pointer (aligned down to 16 first):
///
///     rcx, r11, [error code], rip, cs | saved upcall mask << 32, rflags, rsp, ss
///
/// The failsafe callback has ds, es, fs, gs between r11 and rip. rflags shows IF as the inverse of the upcall mask and
/// IOPL 0; cs shows privilege level 0 when guest kernel mode was interrupted.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// Delivers an exception of the guest through its trap table. Without a handler the domain crashes.
void deliver_trap(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, unsigned vector);
void deliver_trap(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, unsigned vector, std::uint32_t error_code);
/// deliver_trap for #PF; `address` goes to vcpu_info.arch.cr2.
void deliver_page_fault(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, std::uint64_t address, std::uint32_t error_code);
/// #GP with an error code.
void deliver_protection_fault(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, std::uint32_t error_code = 0);

/// Calls back for pending events; upcalls are masked by it.
void deliver_events(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);
void deliver_nmi(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);
/// A segment register could not be loaded.
void deliver_failsafe(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);

/// SYSCALL from guest user mode.
void bounce_syscall(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);
/// SYSCALL from 32-bit code, and SYSENTER.
void bounce_syscall32(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);
void bounce_sysenter(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);

} // namespace rf::pvcpu
