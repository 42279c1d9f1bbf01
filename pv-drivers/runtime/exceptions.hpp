// SPDX-License-Identifier: MIT
#pragma once
/// Processor exceptions: printed with all registers, then the domain ends as crashed. A breakpoint (int3) is printed and
/// execution goes on.

#include "registers.hpp"
#include "result.hpp"
#include "xen/shared_info.h"
#include "xen/trap.h"

namespace rf::runtime {

/// Registers the trap table; `shared` holds the address of page faults.
[[nodiscard]] Result<void> initialise_exceptions(const xen::shared_info* shared);

/// Asked before an exception is reported; may change the registers and say that execution goes on with them. For guests that
/// provoke exceptions. Without a hook, or when it says no, the domain ends.
using ExceptionHook = bool (*)(Registers&);
void set_exception_hook(ExceptionHook hook);

/// Calls `visit` with the trap of every exception.
void for_each_exception(void (*visit)(const xen::trap_info&));

/// Registers the calling vCPU's trap table once more, for guests that have tried another.
[[nodiscard]] Result<void> register_exceptions();

/// Prints the registers of interrupted code.
void print_registers(const Registers& registers);

}  // namespace rf::runtime
