// SPDX-License-Identifier: MIT
#pragma once
/// From registers to a handler and back. The only place that writes hypercall results into guest registers.

#include "domain/vcpu.hpp"

namespace rf::hypercall {

/// Runs the hypercall in `regs` (rax, rdi rsi rdx r10 r8 r9) for `vcpu`, which is in kernel mode. A continuation moves
/// rip back onto the SYSCALL instruction, so the guest repeats the call after it had a chance to take events.
void dispatch(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);

} // namespace rf::hypercall
