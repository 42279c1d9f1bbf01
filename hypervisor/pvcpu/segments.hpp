// SPDX-License-Identifier: MIT
#pragma once
/// Segment bases and selectors of the calling vCPU, which are in the hardware while it is loaded.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

[[nodiscard]] std::uint64_t get_fs_base(domain::Vcpu const& vcpu);
/// Bases must be canonical (the callers check).
void set_fs_base(domain::Vcpu& vcpu, std::uint64_t base);
/// GS base of guest kernel mode and of guest user mode, whichever the vCPU is in.
[[nodiscard]] std::uint64_t get_gs_base_kernel(domain::Vcpu const& vcpu);
void set_gs_base_kernel(domain::Vcpu& vcpu, std::uint64_t base);
[[nodiscard]] std::uint64_t get_gs_base_user(domain::Vcpu const& vcpu);
void set_gs_base_user(domain::Vcpu& vcpu, std::uint64_t base);
/// Loads a selector into the user mode's GS; a selector that faults loads null instead.
void set_gs_selector_user(domain::Vcpu& vcpu, std::uint16_t selector);

/// Moves the segment state of an unloading vCPU into memory.
void save_segments(domain::Vcpu& vcpu);
/// Loads it. A selector that faults is replaced by null and PvState::failsafe_due is set.
void restore_segments(domain::Vcpu& vcpu);

} // namespace rf::pvcpu
