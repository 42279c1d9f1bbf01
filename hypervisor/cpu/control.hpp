// SPDX-License-Identifier: MIT
#pragma once
/// The state of the control registers while the hypervisor is in charge, alike on every CPU.

#include "cpu/features.hpp"
#include "cpu/guards.hpp"

#include <cstdint>

namespace rf::cpu {

/// CR4 with no guest's wishes in it: what guests need is on; what would change their world (UMIP, LA57, PCIDE,
/// FSGSBASE, TSD, DE) is off. SMEP keeps us from executing guest pages, SMAP from touching them. A guest's own CR4 is this with DE, TSD and
/// FSGSBASE as it wants.
[[nodiscard]] std::uint64_t base_cr4();
/// Whether SMAP is to be used (boot/access_gate.hpp). By itself not under emulators that call themselves TCG: older ones apply
/// it to an IRET of ring 3, and no PV kernel survives that.
[[nodiscard]] bool wants_access_gate(Features const& features, Setting wish);
/// From now on CR4.SMAP is in base_cr4(), and in the calling processor's CR4.
void use_access_gate();
/// Puts CR0, CR4, EFER, XCR0 and PAT of this CPU in order. collect_features() must have run.
void set_control_registers();

} // namespace rf::cpu
