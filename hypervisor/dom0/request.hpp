// SPDX-License-Identifier: MIT
#pragma once
/// What boot asks for: the first domain's kernel, initrd, command line and size.

#include "base/types.hpp"
#include "dev/command_line.hpp"
#include "xen/console.h"

#include <string_view>

namespace rf::dom0 {

/// A file that the boot loader left in memory; page-aligned. Its frames are RAM that the allocator does not have.
struct Module {
    MachineAddress start;
    std::uint64_t bytes = 0;
};

struct Request {
    Module kernel;
    Module initrd;                 ///< bytes 0: none
    std::string_view command_line; ///< of the kernel; at most 1023 bytes
    dev::MemoryAmount memory, memory_minimum, memory_maximum; ///< dom0_mem=
    xen::dom0_vga_console_info const* screen = nullptr;       ///< how the screen was left, or null
    unsigned power_management = 0; ///< XEN_PROCESSOR_PM_* bits
};

} // namespace rf::dom0
