// SPDX-License-Identifier: MIT
#pragma once
/// The iret hypercall: the guest kernel's return to wherever its frame says.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// Consumes the iret frame at the guest's stack pointer and replaces the registers. A frame that cannot be read, or a
/// return to user mode without a user root, crashes the domain.
void return_from_kernel(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);

} // namespace rf::pvcpu
