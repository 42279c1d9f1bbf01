// SPDX-License-Identifier: MIT
#pragma once
/// Guest debug registers: breakpoints in guest space only.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// set_debugreg and MOV to DR. Errno::eperm (address in hypervisor space, general-detect, I/O breakpoints without CR4.DE),
/// Errno::einval (upper half set), Errno::enodev (no such register).
[[nodiscard]] Status set_debug_register(domain::Vcpu& vcpu, unsigned number, std::uint64_t value);
/// Errno::enodev.
[[nodiscard]] Result<std::uint64_t> get_debug_register(domain::Vcpu const& vcpu, unsigned number);

/// Takes over the registers of a context, dropping what set_debug_register would refuse.
void load_debug_registers(domain::Vcpu& vcpu, std::uint64_t const (&values)[8]);

/// At a switch: loads the hardware if any breakpoint is enabled, and clears DR7 otherwise.
void restore_debug_registers(domain::Vcpu const& vcpu);
void disable_debug_registers(domain::Vcpu const& vcpu);

} // namespace rf::pvcpu
