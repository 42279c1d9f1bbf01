// SPDX-License-Identifier: MIT
#pragma once
/// Supervisor-mode access prevention (SMAP; SDM vol. 3, 4.6): the hypervisor cannot touch memory that guests may touch, except
/// where guest/copy.S and the short ways of entry/system_calls.h open the gate. So a stray pointer into a guest's half is a fault
/// of ours at once, not a hole. Doors that a guest enters with its own flags close the gate; SYSCALL closes it by its flag mask.
///
/// Processors without it keep no-operations there.

#include "cpu/guards.hpp"

namespace rf::boot {

/// Writes STAC and CLAC to their places if the gate is to be used, and lets the calling processor obey them; processors that
/// start later obey from the start. Once, on the first processor, before the image's final mapping.
void set_access_gate(cpu::Setting wish);

} // namespace rf::boot
