// SPDX-License-Identifier: MIT
#pragma once
/// Privileged instructions of guest kernels, which fault in ring 3, and the forced-emulation prefix.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

enum class Emulation : std::uint8_t {
    done,    ///< carried out, or another exception was delivered in its place
    refused, ///< the guest is to get the exception that brought us here
};

/// After #GP with error code 0.
[[nodiscard]] Emulation emulate_privileged(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);
/// After #UD: `ud2a; "xen"; cpuid`.
[[nodiscard]] Emulation emulate_forced(domain::Vcpu& vcpu, xen::cpu_user_regs& regs);

} // namespace rf::pvcpu
