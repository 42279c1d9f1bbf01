// SPDX-License-Identifier: MIT
#include "dev/msi.hpp"

namespace rf::dev {
namespace {

// MSI capability: control word at +2, then address, (upper address), data, (mask bits).
constexpr std::uint16_t msi_control = 2;
constexpr std::uint16_t msi_enable_bit = 1u << 0;
constexpr std::uint16_t msi_64_bit = 1u << 7;
constexpr std::uint16_t msi_mask_capable = 1u << 8;
constexpr std::uint16_t msi_address = 4;

// MSI-X capability: control word at +2, table offset and BAR at +4.
constexpr std::uint16_t msix_control = 2;
constexpr std::uint16_t msix_table = 4;
constexpr std::uint16_t msix_size_mask = 0x7ff;
constexpr std::uint64_t msix_entry_bytes = 16;
constexpr std::uint32_t vector_masked = 1;

constexpr std::uint16_t data_offset(MsiPlace const& place) { return place.has_64_bit ? 12 : 8; }
constexpr std::uint16_t mask_offset(MsiPlace const& place) { return place.has_64_bit ? 16 : 12; }
constexpr std::uint16_t at(MsiPlace const& place, std::uint16_t offset)
{
    return static_cast<std::uint16_t>(place.capability + offset);
}

struct TablePlace {
    std::uint64_t bar;    ///< start of the BAR
    std::uint64_t offset; ///< of the structure in it
};

Result<TablePlace> structure(pci::Configuration& configuration, pci::Address address, std::uint16_t locator)
{
    std::uint32_t const word = configuration.read32(address, locator);
    auto const bar = TRY(pci::read_bar(configuration, address, word & 7));
    if (!bar.is_memory)
        return fail(Errno::einval);
    return TablePlace{.bar = bar.address, .offset = word & ~7u};
}

} // namespace

MsiMessage compose_message(std::uint32_t apic_id, std::uint8_t vector)
{
    constexpr std::uint64_t window = 0xfee0'0000;
    return {.address = window | (std::uint64_t{apic_id & 0xff} << 12), .data = vector};
}

Result<MsiPlace> locate_msi(pci::Configuration& configuration, pci::Address address)
{
    std::uint16_t const capability = pci::find_capability(configuration, address, pci::capability_msi);
    if (!capability)
        return fail(Errno::enodev);
    std::uint16_t const control = configuration.read16(address, static_cast<std::uint16_t>(capability + msi_control));
    MsiPlace place;
    place.address = address;
    place.kind = MsiKind::msi;
    place.capability = capability;
    place.has_64_bit = control & msi_64_bit;
    place.has_mask = control & msi_mask_capable;
    return place;
}

Result<MsiPlace> locate_msix(pci::Configuration& configuration, TableMemory& memory, pci::Address address,
                             std::uint16_t entry, std::uint64_t table_base)
{
    std::uint16_t const capability = pci::find_capability(configuration, address, pci::capability_msix);
    if (!capability)
        return fail(Errno::enodev);
    std::uint16_t const control = configuration.read16(address, static_cast<std::uint16_t>(capability + msix_control));
    if (entry > (control & msix_size_mask))
        return fail(Errno::einval);
    auto const table = TRY(structure(configuration, address, static_cast<std::uint16_t>(capability + msix_table)));
    if (table_base && table_base != table.bar)
        return fail(Errno::einval);
    MsiPlace place;
    place.address = address;
    place.kind = MsiKind::msix;
    place.capability = capability;
    place.entry = entry;
    place.has_64_bit = true;
    place.has_mask = true;
    place.table_entry = TRY(memory.map_entry(table.bar + table.offset + entry * msix_entry_bytes));
    return place;
}

void write_message(pci::Configuration& configuration, MsiPlace const& place, MsiMessage const& message)
{
    auto const low = static_cast<std::uint32_t>(message.address);
    auto const high = static_cast<std::uint32_t>(message.address >> 32);
    if (place.kind == MsiKind::msix) {
        place.table_entry[0] = low;
        place.table_entry[1] = high;
        place.table_entry[2] = message.data;
        return;
    }
    configuration.write(place.address, at(place, msi_address), 4, low);
    if (place.has_64_bit)
        configuration.write(place.address, at(place, msi_address + 4), 4, high);
    configuration.write(place.address, at(place, data_offset(place)), 2, message.data);
    // One vector only, whatever was enabled before (bits 4..6 of the control word).
    std::uint16_t const control = configuration.read16(place.address, at(place, msi_control));
    if (control & 0x70)
        configuration.write(place.address, at(place, msi_control), 2, control & ~0x70u);
}

void set_mask(pci::Configuration& configuration, MsiPlace const& place, bool masked)
{
    if (!place.has_mask)
        return;
    if (place.kind == MsiKind::msix) {
        std::uint32_t const control = place.table_entry[3];
        place.table_entry[3] = masked ? control | vector_masked : control & ~vector_masked;
        (void)place.table_entry[3]; // the write has arrived when the read answers
        return;
    }
    std::uint32_t const mask = configuration.read32(place.address, at(place, mask_offset(place)));
    configuration.write(place.address, at(place, mask_offset(place)), 4, masked ? mask | 1u : mask & ~1u);
}

void silence(pci::Configuration& configuration, MsiPlace const& place)
{
    set_mask(configuration, place, true);
    if (place.kind == MsiKind::msix)
        return;
    std::uint16_t const control = configuration.read16(place.address, at(place, msi_control));
    if (control != 0xffff && control & msi_enable_bit)
        configuration.write(place.address, at(place, msi_control), 2, control & ~std::uint32_t{msi_enable_bit});
}

Result<FrameSpan> msix_table_frames(pci::Configuration& configuration, pci::Address address)
{
    std::uint16_t const capability = pci::find_capability(configuration, address, pci::capability_msix);
    if (!capability)
        return fail(Errno::enodev);
    std::uint16_t const control = configuration.read16(address, static_cast<std::uint16_t>(capability + msix_control));
    auto const table = TRY(structure(configuration, address, static_cast<std::uint16_t>(capability + msix_table)));
    std::uint64_t const first = table.bar + table.offset;
    std::uint64_t const bytes = ((control & msix_size_mask) + 1) * msix_entry_bytes;
    return FrameSpan{.first = MachineAddress{first}.frame(), .last = MachineAddress{first + bytes - 1}.frame()};
}

} // namespace rf::dev
