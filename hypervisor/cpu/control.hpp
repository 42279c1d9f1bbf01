// SPDX-License-Identifier: MIT
#pragma once
/// The state of the control registers while the hypervisor is in charge, alike on every CPU.

#include <cstdint>

namespace rf::cpu {

/// CR4 with no guest's wishes in it: what guests need is on; what would change their world (SMAP, UMIP, LA57, PCIDE,
/// FSGSBASE, TSD, DE) is off. SMEP keeps us from executing guest pages. A guest's own CR4 is this with DE, TSD and
/// FSGSBASE as it wants.
[[nodiscard]] std::uint64_t base_cr4();
/// Puts CR0, CR4, EFER, XCR0 and PAT of this CPU in order. collect_features() must have run.
void set_control_registers();

} // namespace rf::cpu
