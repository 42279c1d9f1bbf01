// SPDX-License-Identifier: MIT
#pragma once
/// Exceptions that a guest raised: emulate what it was entitled to, deliver the rest to its own handlers.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// `regs.entry_vector` names the exception, `regs.error_code` belongs to it.
void on_exception(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);

/// The processor refused the frame that we were about to return through: the guest chose its contents.
void on_refused_return(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);

} // namespace rf::pvcpu
