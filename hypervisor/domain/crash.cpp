// SPDX-License-Identifier: MIT
#include "domain/crash.hpp"

#include "base/log.hpp"
#include "dev/power.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "xen/sched.h"

namespace rf::domain {
namespace {

using log::Hex;

void report_registers(xen::cpu_user_regs const& regs)
{
    log::error("  rip ", Hex{regs.cs}, ":", Hex{regs.rip}, " rsp ", Hex{regs.ss}, ":", Hex{regs.rsp}, " flags ",
               Hex{regs.rflags}, " error ", Hex{regs.error_code});
    log::error("  rax ", Hex{regs.rax}, " rbx ", Hex{regs.rbx}, " rcx ", Hex{regs.rcx}, " rdx ", Hex{regs.rdx});
    log::error("  rsi ", Hex{regs.rsi}, " rdi ", Hex{regs.rdi}, " rbp ", Hex{regs.rbp}, " r8 ", Hex{regs.r8});
    log::error("  r9 ", Hex{regs.r9}, " r10 ", Hex{regs.r10}, " r11 ", Hex{regs.r11}, " r12 ", Hex{regs.r12});
    log::error("  r13 ", Hex{regs.r13}, " r14 ", Hex{regs.r14}, " r15 ", Hex{regs.r15});
}

/// The top of the guest's stack, and what looks like addresses in the kernel's code further down: few lines, because all this is
/// one piece of work that the guest asked for.
void report_stack(std::uint64_t stack_pointer)
{
    constexpr unsigned words = 64, shown = 16, per_line = 4, most_addresses = 12;
    constexpr std::uint64_t kernel_code = 0xffff'ffff'8000'0000ull;
    guest::Array<std::uint64_t> const stack{stack_pointer & ~7ull, words};
    for (unsigned i = 0; i < shown; i += per_line) {
        std::uint64_t row[per_line];
        if (!stack.read(i, row, per_line))
            return;
        log::error("  stack +", Hex{i * 8ull}, " ", Hex{row[0]}, " ", Hex{row[1]}, " ", Hex{row[2]}, " ", Hex{row[3]});
    }
    unsigned found = 0;
    for (unsigned i = shown; i < words && found < most_addresses; ++i) {
        auto const word = stack.at(i);
        if (!word)
            return;
        if (*word >= kernel_code && ++found)
            log::error("  stack +", Hex{i * 8ull}, " ", Hex{*word}, " (code?)");
    }
}

} // namespace

void report_crash(Domain const& domain, Vcpu const* vcpu, std::string_view why)
{
    log::error(domain.id(), " crashed: ", why);
    if (!vcpu)
        return;
    xen::cpu_user_regs const& regs = cpu::stack_top().guest;
    log::error("  vcpu ", vcpu->id(), vcpu->pv.in_kernel ? " in its kernel" : " in user mode", ", cr2 ",
               Hex{vcpu->events.info().arch.cr2}, ", kernel root ", vcpu->pv.kernel_root);
    report_registers(regs);
    report_stack(regs.rsp);
}

void end_of_control_domain(Domain const& domain, unsigned reason)
{
    switch (reason) {
    case xen::SHUTDOWN_poweroff:
        log::info(domain.id(), " powered off: switching the machine off");
        dev::power::power_off();
    case xen::SHUTDOWN_reboot:
        log::info(domain.id(), " asks for a reboot");
        dev::power::reset();
    case xen::SHUTDOWN_watchdog:
        log::error(domain.id(), "'s watchdog expired: resetting the machine");
        dev::power::reset();
    default:
        log::error(domain.id(), " ended with reason ", reason, ": the machine cannot go on without it");
        dev::power::reset_unless_forbidden();
    }
}

} // namespace rf::domain
