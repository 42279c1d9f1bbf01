// SPDX-License-Identifier: MIT
#pragma once
/// The way from the boot loader to main. start.S calls boot_main; it ends in hypervisor_main on CPU 0's own stack with
/// memory, descriptor tables, exceptions, SYSCALL and the local APIC in working order.

#include "boot/boot_info.hpp"

namespace rf::boot {

/// What the loader told us; valid from early_console on.
[[nodiscard]] BootInfo const& boot_info();
/// A page of RAM below 1 MiB, reserved for starting CPUs; 0 when there is none.
[[nodiscard]] std::uint64_t trampoline_page();

} // namespace rf::boot

extern "C" {
/// Supplied by main.cpp: called as soon as the command line is known. Should install the log sink. The first 4 GiB of
/// physical memory are in the direct map; mm::map_device does not work yet.
void early_console(rf::boot::BootInfo const& info);
/// Supplied by main.cpp: the hypervisor proper. Never returns.
[[noreturn]] void hypervisor_main(rf::boot::BootInfo const& info);
}
