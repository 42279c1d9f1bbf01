// SPDX-License-Identifier: MIT
#pragma once
/// Processor exceptions: printed with all registers, then the domain ends as crashed. A breakpoint (int3) is printed and
/// execution goes on.

#include "registers.hpp"
#include "result.hpp"
#include "xen/shared_info.h"

namespace rf::runtime {

/// Registers the trap table; `shared` holds the address of page faults.
[[nodiscard]] Result<void> initialise_exceptions(const xen::shared_info* shared);

/// Prints the registers of interrupted code.
void print_registers(const Registers& registers);

}  // namespace rf::runtime
