// SPDX-License-Identifier: MIT
#pragma once
/// Exceptions inside the hypervisor, and what can be printed about a CPU's state.

#include "xen/trap.h"

#include <cstdint>

/// Called by entry.S for an exception that interrupted the hypervisor itself, with the saved registers. Continues at the
/// fix-up's landing if the instruction was expected to fault (it changes `registers.rip`); otherwise it is the end.
extern "C" void on_hypervisor_exception(xen::cpu_user_regs& registers);

namespace rf::cpu {

/// Logs the registers.
void dump_registers(xen::cpu_user_regs const& registers);
/// Logs the return addresses on the stack that `stack_pointer` is on, by frame pointers from `frame_pointer` on where they
/// are good, else by their looks; for `addr2line -fipe build/ringfort ADDRESS...`.
void dump_stack(std::uint64_t stack_pointer, std::uint64_t frame_pointer);
/// Both, for the state of the caller; for panics.
void dump_here();

} // namespace rf::cpu
