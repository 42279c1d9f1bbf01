// SPDX-License-Identifier: MIT
#pragma once
/// The steps in which main.cpp brings this room up. In order: parse_command_line, console::initialise, (memory), then
/// read_firmware, (local APIC), bring_up_interrupts, (time), console::set_clock.

#include "base/result.hpp"
#include "dev/acpi.hpp"
#include "dev/efi.hpp"
#include "dev/interrupts.hpp"

#include <span>

namespace rf::dev {

/// What boot knows about the firmware; zero and empty where it does not.
struct FirmwareHints {
    std::uint64_t efi_system_table = 0;
    std::span<std::byte const> efi_memory_map;
    std::uint32_t efi_descriptor_bytes = 0;
    std::uint64_t root_pointer = 0;                 ///< physical address of ACPI's root pointer
    std::span<std::byte const> root_pointer_bytes;  ///< a copy of it
};

/// Finds and reads the ACPI tables into machine_tables, and UEFI's into machine_efi. Needs device windows.
/// Errno::enoent: the machine has no ACPI tables (or `acpi=off`): no interrupt controller is known, boot must stop.
[[nodiscard]] Status read_firmware(FirmwareHints const& hints);

/// Parks the 8259s, takes the I/O APICs over and lets the router run; then serial input by interrupt, delivered to `cpu`.
/// Errno::enodev: no I/O APIC.
[[nodiscard]] Status bring_up_interrupts(LocalInterrupts local, CpuId cpu);

/// Firmware bytes through cached windows.
[[nodiscard]] acpi::Memory& firmware_memory();

} // namespace rf::dev
