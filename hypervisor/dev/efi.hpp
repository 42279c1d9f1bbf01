// SPDX-License-Identifier: MIT
#pragma once
/// What UEFI left behind for Dom0: where the system table is, and the configuration table that leads to ACPI. We call no
/// firmware service. Source: UEFI specification 2.10, 4.3 and 4.6; 7.2 for the memory map.

#include "base/result.hpp"
#include "dev/acpi.hpp"

#include <array>
#include <span>

namespace rf::dev::efi {

/// One entry of the firmware's memory map.
struct MemoryDescriptor {
    std::uint32_t type = 0;
    std::uint64_t address = 0; ///< bytes
    std::uint64_t pages = 0;
    std::uint64_t attributes = 0;
    [[nodiscard]] constexpr std::uint64_t bytes() const { return pages * page_size; }
};

struct Firmware {
    bool present = false;
    std::uint64_t system_table = 0;
    std::uint32_t specification = 0;       ///< header revision, e.g. 0x0002000a
    std::uint32_t vendor_revision = 0;
    std::array<char16_t, 100> vendor{};    ///< terminated
    std::uint64_t configuration_table = 0; ///< physical address
    std::uint32_t configuration_entries = 0;
    std::uint64_t root_pointer = 0;        ///< ACPI's, 0 when the configuration table has none
    std::span<std::byte const> memory_map;
    std::uint32_t descriptor_bytes = 0;
};

/// Reads the system table. Errno::einval: there is none at that address.
[[nodiscard]] Result<Firmware> read(acpi::Memory& memory, std::uint64_t system_table);
/// The descriptor that covers an address. Errno::enoent (Linux: unknown memory type).
[[nodiscard]] Result<MemoryDescriptor> find_memory(Firmware const& firmware, std::uint64_t address);

} // namespace rf::dev::efi

namespace rf::dev {
/// The machine's UEFI, as boot found it; `present` is false on BIOS machines.
extern efi::Firmware machine_efi;
} // namespace rf::dev
