// SPDX-License-Identifier: MIT
#pragma once
/// From registers to a handler and back. The only place that writes hypercall results into guest registers.

#include "domain/vcpu.hpp"
#include "hypercall/table.hpp"

namespace rf::hypercall {

/// Runs the hypercall in `regs` (rax, rdi rsi rdx r10 r8 r9) for `vcpu`, which is in kernel mode. A continuation moves
/// rip back onto the SYSCALL instruction, so the guest repeats the call after it had a chance to take events.
inline void dispatch(domain::Vcpu& vcpu, xen::cpu_user_regs& regs)
{
    Call call{vcpu, vcpu.domain(), regs, false};
    Outcome const outcome = find(regs.rax)(call);
    if (outcome.is_value()) [[likely]] {
        regs.rax = static_cast<std::uint64_t>(outcome.result());
    } else if (outcome.is_again()) {
        constexpr unsigned syscall_length = 2;
        regs.rip -= syscall_length; // rax still holds the number, the handler has put the arguments
    }
}

} // namespace rf::hypercall
