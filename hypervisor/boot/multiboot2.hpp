// SPDX-License-Identifier: MIT
#pragma once
/// Reads the boot information of a multiboot 2 loader (Multiboot2 Specification 2.0, 3.6). A pure function of the bytes:
/// nothing is read outside them, whatever lengths they claim.

#include "base/result.hpp"
#include "boot/boot_info.hpp"

namespace rf::boot {

/// Magic number that a multiboot 2 loader leaves in eax.
inline constexpr std::uint32_t multiboot2_magic = 0x36d76289;

/// Tag types that we read (3.6.1 ff.).
enum class Tag : std::uint32_t {
    end = 0,
    command_line = 1,
    loader_name = 2,
    module = 3,
    memory_map = 6,
    framebuffer = 8,
    efi64_system_table = 12,
    acpi_old = 14,
    acpi_new = 15,
    efi_memory_map = 17,
};

/// Fills `info` from `bytes`, which start with total_size; strings in `info` point into `bytes`. Errno::einval: shorter
/// than it claims, a tag runs over the end, or the end tag is missing; Errno::enodata: no memory map.
[[nodiscard]] Status parse_multiboot2(std::span<std::byte const> bytes, BootInfo& info);

} // namespace rf::boot
