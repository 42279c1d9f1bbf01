// SPDX-License-Identifier: MIT
#include "dev/efi.hpp"

#include "dev/acpi_bytes.hpp"

namespace rf::dev {

constinit efi::Firmware machine_efi{};

namespace efi {
namespace {

using acpi::field;

// Offsets in EFI_SYSTEM_TABLE of a 64-bit firmware.
constexpr std::size_t system_table_bytes = 0x78;
constexpr std::size_t at_revision = 0x08;
constexpr std::size_t at_vendor = 0x18;
constexpr std::size_t at_vendor_revision = 0x20;
constexpr std::size_t at_entry_count = 0x68;
constexpr std::size_t at_configuration_table = 0x70;

constexpr std::size_t configuration_entry_bytes = 24;
constexpr std::uint64_t most_configuration_entries = 1024;

using Guid = std::array<std::uint8_t, 16>;
/// 8868e871-e4f1-11d3-bc22-0080c73c8881, ACPI 2.0 and later.
constexpr Guid acpi_2{0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
/// eb9d2d30-2d88-11d3-9a16-0090273fc14d, ACPI 1.0.
constexpr Guid acpi_1{0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d};

std::uint64_t find_entry(std::span<std::byte const> table, Guid const& guid)
{
    for (std::size_t offset = 0; offset + configuration_entry_bytes <= table.size(); offset += configuration_entry_bytes)
        if (std::memcmp(table.data() + offset, guid.data(), guid.size()) == 0)
            return field<std::uint64_t>(table, offset + guid.size());
    return 0;
}

void read_vendor(acpi::Memory& memory, std::uint64_t address, Firmware& firmware)
{
    std::size_t const limit = firmware.vendor.size() - 1;
    auto const text = memory.view(address, limit * sizeof(char16_t));
    for (std::size_t i = 0; i < limit; ++i) {
        auto const c = field<std::uint16_t>(text, i * sizeof(char16_t));
        if (!c)
            break;
        firmware.vendor[i] = static_cast<char16_t>(c);
    }
}

} // namespace

Result<Firmware> read(acpi::Memory& memory, std::uint64_t system_table)
{
    auto const table = memory.view(system_table, system_table_bytes);
    if (table.size() < system_table_bytes || !acpi::has_signature(table, "IBI SYST"))
        return fail(Errno::einval);
    Firmware firmware;
    firmware.present = true;
    firmware.system_table = system_table;
    firmware.specification = field<std::uint32_t>(table, at_revision);
    firmware.vendor_revision = field<std::uint32_t>(table, at_vendor_revision);
    read_vendor(memory, field<std::uint64_t>(table, at_vendor), firmware);

    auto const entries = field<std::uint64_t>(table, at_entry_count);
    if (entries > most_configuration_entries)
        return fail(Errno::einval);
    firmware.configuration_table = field<std::uint64_t>(table, at_configuration_table);
    firmware.configuration_entries = static_cast<std::uint32_t>(entries);
    auto const list = memory.view(firmware.configuration_table, entries * configuration_entry_bytes);
    firmware.root_pointer = find_entry(list, acpi_2);
    if (!firmware.root_pointer)
        firmware.root_pointer = find_entry(list, acpi_1);
    return firmware;
}

Result<MemoryDescriptor> find_memory(Firmware const& firmware, std::uint64_t address)
{
    constexpr std::size_t shortest_descriptor = 40;
    if (firmware.descriptor_bytes < shortest_descriptor)
        return fail(Errno::enoent);
    auto const map = firmware.memory_map;
    for (std::size_t offset = 0; offset + firmware.descriptor_bytes <= map.size(); offset += firmware.descriptor_bytes) {
        MemoryDescriptor const descriptor{.type = field<std::uint32_t>(map, offset),
                                          .address = field<std::uint64_t>(map, offset + 8),
                                          .pages = field<std::uint64_t>(map, offset + 24),
                                          .attributes = field<std::uint64_t>(map, offset + 32)};
        if (descriptor.pages > ~0ull / page_size)
            continue;
        if (address >= descriptor.address && address - descriptor.address < descriptor.bytes())
            return descriptor;
    }
    return fail(Errno::enoent);
}

} // namespace efi
} // namespace rf::dev
