// SPDX-License-Identifier: MIT
/// FADT, HPET and MCFG.
#include "base/log.hpp"
#include "dev/acpi_bytes.hpp"

namespace rf::dev::acpi {
namespace {

constexpr std::uint32_t flag_timer_32_bit = 1u << 8;
constexpr std::uint32_t flag_reset = 1u << 10;
constexpr std::uint32_t flag_hardware_reduced = 1u << 20;

/// A generic address structure of 12 bytes.
Register generic_address(std::span<std::byte const> table, std::size_t offset)
{
    auto const space = field<std::uint8_t>(table, offset);
    Register result{.space = space <= 2 ? static_cast<AddressSpace>(space) : AddressSpace::other,
                    .bits = field<std::uint8_t>(table, offset + 1),
                    .address = field<std::uint64_t>(table, offset + 4)};
    if (result.space == AddressSpace::other || (result.space == AddressSpace::ports && result.address > 0xffff))
        result.address = 0;
    return result;
}

/// A register block that has a 64-bit description in newer tables and a port number in all.
Register block(std::span<std::byte const> table, std::size_t extended, std::size_t legacy, std::size_t length_offset)
{
    if (Register const found = generic_address(table, extended); found.exists())
        return found;
    auto const port = field<std::uint32_t>(table, legacy);
    return {.space = AddressSpace::ports,
            .bits = static_cast<std::uint8_t>(field<std::uint8_t>(table, length_offset) * 8),
            .address = port <= 0xffff ? port : 0};
}

} // namespace

void read_fadt(std::span<std::byte const> table, Tables& tables)
{
    constexpr std::size_t shortest = 116; // ACPI 1.0
    if (table.size() < shortest) {
        log::warning("ACPI: the FADT is too short (", table.size(), " bytes); it is not used");
        return;
    }
    auto const flags = field<std::uint32_t>(table, 112);
    Fadt fadt;
    fadt.pm1a_event = block(table, 148, 56, 88);
    fadt.pm1b_event = block(table, 160, 60, 88);
    fadt.pm1a_control = block(table, 172, 64, 89);
    fadt.pm1b_control = block(table, 184, 68, 89);
    fadt.pm_timer = block(table, 208, 76, 91);
    fadt.pm_timer_32_bit = (flags & flag_timer_32_bit) != 0;
    fadt.reset = generic_address(table, 116);
    fadt.reset_value = field<std::uint8_t>(table, 128);
    fadt.reset_supported = (flags & flag_reset) != 0 && fadt.reset.exists();
    fadt.sleep_control = generic_address(table, 244);
    fadt.sleep_status = generic_address(table, 256);
    fadt.hardware_reduced = (flags & flag_hardware_reduced) != 0;
    fadt.sci_interrupt = field<std::uint16_t>(table, 46);
    auto const smi_port = field<std::uint32_t>(table, 48);
    fadt.smi_command_port = smi_port <= 0xffff ? static_cast<std::uint16_t>(smi_port) : std::uint16_t{0};
    fadt.acpi_enable_value = field<std::uint8_t>(table, 52);
    fadt.century_register = field<std::uint8_t>(table, 108);
    fadt.boot_flags = field<std::uint16_t>(table, 109);
    fadt.facs = field<std::uint64_t>(table, 132);
    if (!fadt.facs)
        fadt.facs = field<std::uint32_t>(table, 36);
    fadt.dsdt = field<std::uint64_t>(table, 140);
    if (!fadt.dsdt)
        fadt.dsdt = field<std::uint32_t>(table, 40);
    tables.fadt = fadt;
}

void read_hpet(std::span<std::byte const> table, Tables& tables)
{
    if (table.size() < 56)
        return;
    Register const base = generic_address(table, 40);
    if (base.space == AddressSpace::memory && base.exists())
        tables.hpet = Hpet{.address = base.address, .protection = field<std::uint8_t>(table, 55)};
}

void read_mcfg(std::span<std::byte const> table, Tables& tables)
{
    constexpr std::size_t first_entry = 44;
    constexpr std::size_t entry_bytes = 16;
    for (std::size_t offset = first_entry; offset + entry_bytes <= table.size(); offset += entry_bytes) {
        McfgWindow const window{.address = field<std::uint64_t>(table, offset),
                                .segment = field<std::uint16_t>(table, offset + 8),
                                .first_bus = field<std::uint8_t>(table, offset + 10),
                                .last_bus = field<std::uint8_t>(table, offset + 11)};
        if (window.last_bus < window.first_bus || window.address == 0 || window.address % (1u << 20))
            log::warning("ACPI: a configuration window at ", log::Hex{window.address}, " is malformed; it is not used");
        else if (!tables.mcfg.push_back(window))
            log::warning("ACPI: too many configuration windows; segment ", window.segment, " is not used");
    }
}

} // namespace rf::dev::acpi
