// SPDX-License-Identifier: MIT
#include "boot/rsdp.hpp"

#include <algorithm>
#include <cstring>

namespace rf::boot {
namespace {

using Bytes = std::span<std::byte const>;

constexpr std::size_t old_size = 20;
constexpr std::size_t new_size = 36;

// EFI system table (UEFI specification 2.9, 4.3 and 4.6).
constexpr std::size_t efi_table_count = 0x68;
constexpr std::size_t efi_tables = 0x70;
constexpr std::size_t efi_entry_size = 24;
constexpr std::uint64_t efi_entries_max = 256;
constexpr std::array<std::uint8_t, 16> acpi2_guid{0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                                  0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
constexpr std::array<std::uint8_t, 16> acpi1_guid{0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11,
                                                  0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d};

/// What there is of [address, address + size); empty when not all of it is.
[[nodiscard]] Bytes part_of(Bytes memory, std::uint64_t address, std::uint64_t size)
{
    if (address > memory.size() || size > memory.size() - address)
        return {};
    return memory.subspan(address, size);
}

template <class T>
[[nodiscard]] T read_as(Bytes memory, std::uint64_t address)
{
    T value{};
    Bytes const bytes = part_of(memory, address, sizeof value);
    if (!bytes.empty())
        std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

[[nodiscard]] bool sums_to_zero(Bytes bytes)
{
    unsigned sum = 0;
    for (std::byte const b : bytes)
        sum += std::to_integer<unsigned>(b);
    return (sum & 0xff) == 0;
}

/// The root pointer at `address` if there is a valid one.
[[nodiscard]] Rsdp read_at(Bytes memory, std::uint64_t address)
{
    Bytes const old_part = part_of(memory, address, old_size);
    if (old_part.empty() || std::memcmp(old_part.data(), "RSD PTR ", 8) != 0 || !sums_to_zero(old_part))
        return {};
    Bytes const whole = part_of(memory, address, new_size);
    bool const newer = std::to_integer<unsigned>(old_part[15]) >= 2 && !whole.empty() && sums_to_zero(whole);
    Rsdp found;
    found.address = {address};
    found.size = newer ? new_size : old_size;
    std::copy_n(memory.begin() + static_cast<std::ptrdiff_t>(address), found.size, found.bytes.begin());
    return found;
}

[[nodiscard]] Rsdp find_in(Bytes memory, std::uint64_t start, std::uint64_t end)
{
    Rsdp found;
    for (std::uint64_t at = start; at < end && !found.size; at += 16)
        found = read_at(memory, at);
    return found;
}

} // namespace

Rsdp find_bios_rsdp(Bytes low_memory)
{
    std::uint64_t const data_area = static_cast<std::uint64_t>(read_as<std::uint16_t>(low_memory, 0x40e)) << 4;
    Rsdp found;
    if (data_area >= 0x400)
        found = find_in(low_memory, data_area, data_area + 1024);
    return found.size ? found : find_in(low_memory, 0xe0000, 0x100000);
}

Rsdp find_efi_rsdp(Bytes physical, MachineAddress system_table)
{
    std::uint64_t const table = system_table.value;
    if (table == 0 || part_of(physical, table, efi_tables + 8).empty())
        return {};
    std::uint64_t const count = std::min(read_as<std::uint64_t>(physical, table + efi_table_count), efi_entries_max);
    std::uint64_t const list = read_as<std::uint64_t>(physical, table + efi_tables);
    for (auto const& wanted : {acpi2_guid, acpi1_guid})
        for (std::uint64_t i = 0; i < count; ++i) {
            Bytes const entry = part_of(physical, list + i * efi_entry_size, efi_entry_size);
            if (entry.empty() || std::memcmp(entry.data(), wanted.data(), wanted.size()) != 0)
                continue;
            Rsdp const found = read_at(physical, read_as<std::uint64_t>(entry, 16));
            if (found.size)
                return found;
        }
    return {};
}

} // namespace rf::boot
