// SPDX-License-Identifier: MIT
#pragma once
/// Control registers as a guest sees them, and what it may change.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// CR0 for the guest: the machine's, with TS virtual.
[[nodiscard]] std::uint64_t visible_cr0(domain::Vcpu const& vcpu);
/// CR4 for the guest: its own choices and what the machine has anyway.
[[nodiscard]] std::uint64_t visible_cr4(domain::Vcpu const& vcpu);
/// The bits of a CR4 value that a guest may choose (TSD, DE, OSXSAVE); the rest is dropped without a fault.
[[nodiscard]] std::uint64_t admitted_cr4(std::uint64_t value);
/// The processor's CR4 while `vcpu` runs.
[[nodiscard]] std::uint64_t running_cr4(domain::Vcpu const& vcpu);

/// Guest writes, by the running vCPU. CR0: only TS may differ (Errno::eperm). CR4 never fails.
[[nodiscard]] Status write_cr0(domain::Vcpu& vcpu, std::uint64_t value);
void write_cr4(domain::Vcpu& vcpu, std::uint64_t value);
/// Sets the virtual TS bit: the guest's next use of the FPU raises #NM.
void set_task_switched(domain::Vcpu& vcpu, bool set);

} // namespace rf::pvcpu
