// SPDX-License-Identifier: MIT
#pragma once
/// Putting a vCPU onto the processor and taking it off again.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// Loads everything of `vcpu` into this processor, registers into StackTop::guest. No vCPU may be loaded.
void load(domain::Vcpu& vcpu);
/// Saves everything back; afterwards the processor holds nothing of it, not even translations.
void unload(domain::Vcpu& vcpu);

} // namespace rf::pvcpu
