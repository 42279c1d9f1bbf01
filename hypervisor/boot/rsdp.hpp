// SPDX-License-Identifier: MIT
#pragma once
/// Where ACPI's root pointer lies: loaders pass its bytes at best, never its address (ACPI specification 6.4, 5.2.5.1 and
/// 5.2.5.2). Pure functions of memory contents.

#include "boot/boot_info.hpp"

namespace rf::boot {

/// Searches `low_memory`, the machine's first MiB: the first KiB of the extended BIOS data area, then 0xe0000..0xfffff.
/// Yields its address and bytes; size 0 when there is none with valid checksums.
[[nodiscard]] Rsdp find_bios_rsdp(std::span<std::byte const> low_memory);
/// Looks in the configuration tables of the EFI system table at `system_table`, for ACPI 2's entry before ACPI 1's;
/// `physical` is memory from address 0 on. Size 0 when there is none.
[[nodiscard]] Rsdp find_efi_rsdp(std::span<std::byte const> physical, MachineAddress system_table);

} // namespace rf::boot
