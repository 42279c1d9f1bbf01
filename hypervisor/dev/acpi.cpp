// SPDX-License-Identifier: MIT
#include "dev/acpi.hpp"

#include "base/log.hpp"
#include "dev/acpi_bytes.hpp"

#include <algorithm>

namespace rf::dev {

constinit acpi::Tables machine_tables{};

namespace acpi {
namespace {

constexpr std::size_t root_pointer_bytes = 20;
constexpr std::size_t root_pointer_bytes_2 = 36;
/// No real table is larger; a longer claim is damage.
constexpr std::uint32_t longest_table = 16u << 20;
/// Tables that one root table may name.
constexpr std::size_t most_tables = 256;

bool root_pointer_ok(std::span<std::byte const> bytes)
{
    return bytes.size() >= root_pointer_bytes && has_signature(bytes, "RSD PTR ")
        && checksum_ok(bytes.first(root_pointer_bytes));
}

Result<std::uint64_t> scan(Memory& memory, std::uint64_t first, std::size_t bytes)
{
    auto const area = memory.view(first, bytes);
    for (std::size_t offset = 0; offset + root_pointer_bytes <= area.size(); offset += 16)
        if (root_pointer_ok(area.subspan(offset, root_pointer_bytes)))
            return first + offset;
    return fail(Errno::enoent);
}

/// A whole table with a good length and checksum; empty otherwise.
std::span<std::byte const> whole_table(Memory& memory, std::uint64_t address)
{
    auto const header = memory.view(address, header_bytes);
    if (header.size() < header_bytes)
        return {};
    auto const length = field<std::uint32_t>(header, 4);
    if (length < header_bytes || length > longest_table) {
        log::warning("ACPI: the table at ", log::Hex{address}, " claims ", length, " bytes; it is not used");
        return {};
    }
    auto const table = memory.view(address, length);
    if (table.size() < length || !checksum_ok(table)) {
        log::warning("ACPI: the table at ", log::Hex{address}, " has a bad checksum; it is not used");
        return {};
    }
    return table;
}

void read_table(std::span<std::byte const> table, Tables& tables)
{
    if (has_signature(table, "APIC"))
        read_madt(table, tables);
    else if (has_signature(table, "FACP"))
        read_fadt(table, tables);
    else if (has_signature(table, "HPET"))
        read_hpet(table, tables);
    else if (has_signature(table, "MCFG"))
        read_mcfg(table, tables);
    else if (has_signature(table, "SSDT") && !tables.soft_off)
        tables.soft_off = find_soft_off(table.subspan(header_bytes));
}

struct RootTable {
    std::span<std::byte const> bytes;
    std::size_t entry_bytes;
};

Result<RootTable> root_table(Memory& memory, std::span<std::byte const> pointer)
{
    auto const revision = field<std::uint8_t>(pointer, 15);
    if (revision >= 2 && pointer.size() >= root_pointer_bytes_2 && checksum_ok(pointer.first(root_pointer_bytes_2)))
        if (auto const address = field<std::uint64_t>(pointer, 24)) {
            auto const table = whole_table(memory, address);
            if (has_signature(table, "XSDT"))
                return RootTable{table, 8};
        }
    auto const table = whole_table(memory, field<std::uint32_t>(pointer, 16));
    if (!has_signature(table, "RSDT"))
        return fail(Errno::einval);
    return RootTable{table, 4};
}

} // namespace

Result<std::uint64_t> find_root_pointer(Memory& memory)
{
    // The BIOS data area names the segment of the extended area at 0x40e.
    if (auto const data_area = memory.view(0x40e, 2); data_area.size() == 2)
        if (std::uint64_t const extended = std::uint64_t{field<std::uint16_t>(data_area, 0)} << 4; extended >= 0x400)
            if (auto const found = scan(memory, extended, 1024))
                return found;
    return scan(memory, 0xe0000, 0x20000);
}

Status parse(Memory& memory, std::uint64_t root_pointer, Tables& tables)
{
    auto pointer = memory.view(root_pointer, root_pointer_bytes_2);
    if (pointer.empty())
        pointer = memory.view(root_pointer, root_pointer_bytes);
    if (!root_pointer_ok(pointer))
        return fail(Errno::einval);
    auto const root = TRY(root_table(memory, pointer));
    tables.rsdp = root_pointer;

    auto const list = root.bytes.subspan(header_bytes);
    std::size_t const count = std::min(list.size() / root.entry_bytes, most_tables);
    for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t const address = root.entry_bytes == 8 ? field<std::uint64_t>(list, i * 8)
                                                            : field<std::uint32_t>(list, i * 4);
        if (address)
            read_table(whole_table(memory, address), tables);
    }
    if (tables.fadt && tables.fadt->dsdt)
        if (auto const dsdt = whole_table(memory, tables.fadt->dsdt); has_signature(dsdt, "DSDT"))
            if (auto const found = find_soft_off(dsdt.subspan(header_bytes)))
                tables.soft_off = found;
    return {};
}

SourceOverride route_isa(Tables const& tables, std::uint8_t isa_irq)
{
    for (auto const& override : tables.overrides)
        if (override.isa_irq == isa_irq)
            return override;
    return {.isa_irq = isa_irq, .gsi = isa_irq, .trigger = Trigger::edge, .polarity = Polarity::high};
}

} // namespace acpi
} // namespace rf::dev
