// SPDX-License-Identifier: MIT
#pragma once
/// What the boot loader told us. Built once from a private copy of its information; constant afterwards. Strings and the
/// EFI map point into that copy, which lives for ever.

#include "boot/memory_map.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace rf::boot {

/// A file that the loader placed in memory; page aligned.
struct Module {
    MachineAddress start;
    std::uint64_t size = 0;
    std::string_view command_line; ///< arguments, without the file's name
};

inline constexpr std::size_t modules_max = 8;

/// The root pointer of ACPI: its bytes, and its address unless only the loader's copy of the bytes could be found.
struct Rsdp {
    MachineAddress address; ///< 0: unknown
    std::array<std::byte, 36> bytes{};
    std::uint32_t size = 0; ///< 0: none found; 20: ACPI 1; 36: ACPI 2 or later
};

enum class DisplayKind : std::uint8_t { none, indexed, rgb, text };

/// The screen as the loader left it.
struct Framebuffer {
    DisplayKind kind = DisplayKind::none;
    MachineAddress address;
    std::uint32_t pitch = 0;  ///< bytes from line to line
    std::uint32_t width = 0;  ///< pixels, or characters for text
    std::uint32_t height = 0;
    std::uint8_t bits_per_pixel = 0;
    std::uint8_t red_position = 0, red_bits = 0;
    std::uint8_t green_position = 0, green_bits = 0;
    std::uint8_t blue_position = 0, blue_bits = 0;
};

/// EFI's own view, present when we were started through UEFI.
struct EfiInfo {
    MachineAddress system_table; ///< 0: not started through 64-bit UEFI
    std::span<std::byte const> memory_map;
    std::uint32_t descriptor_size = 0;
    std::uint32_t descriptor_version = 0;
};

struct BootInfo {
    MemoryMap memory;
    std::string_view command_line; ///< options, without our own file's name
    std::string_view loader_name;
    std::array<Module, modules_max> module_list{};
    std::size_t module_count = 0;
    unsigned modules_lost = 0; ///< beyond modules_max
    Rsdp rsdp;
    Framebuffer framebuffer;
    EfiInfo efi;

    [[nodiscard]] std::span<Module const> modules() const { return {module_list.data(), module_count}; }
};

} // namespace rf::boot
