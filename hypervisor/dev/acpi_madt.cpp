// SPDX-License-Identifier: MIT
#include "base/log.hpp"
#include "dev/acpi_bytes.hpp"

namespace rf::dev::acpi {
namespace {

enum class EntryType : std::uint8_t {
    local_apic = 0,
    io_apic = 1,
    source_override = 2,
    local_nmi = 4,
    local_apic_address = 5,
    local_x2apic = 9,
    local_x2apic_nmi = 10,
};

struct Line {
    Trigger trigger;
    Polarity polarity;
};

/// MPS INTI flags; "conforms to the bus" is ISA's edge, active high.
Line line_of(std::uint16_t flags)
{
    return {.trigger = (flags >> 2 & 3) == 3 ? Trigger::level : Trigger::edge,
            .polarity = (flags & 3) == 3 ? Polarity::low : Polarity::high};
}

void add_processor(Tables& tables, std::uint32_t apic_id, std::uint32_t uid, std::uint32_t flags)
{
    LocalApic const entry{.apic_id = apic_id,
                          .processor_uid = uid,
                          .enabled = (flags & 1) != 0,
                          .online_capable = (flags & 2) != 0};
    // Firmware may list a processor both as APIC and as x2APIC.
    for (auto const& known : tables.processors)
        if (known.apic_id == apic_id)
            return;
    if (!tables.processors.push_back(entry))
        log::warning("ACPI: more than ", tables.processors.capacity(), " processors; APIC id ", apic_id, " is not used");
}

void read_override(std::span<std::byte const> entry, Tables& tables)
{
    Line const line = line_of(field<std::uint16_t>(entry, 8));
    SourceOverride const override{.isa_irq = field<std::uint8_t>(entry, 3),
                                  .gsi = field<std::uint32_t>(entry, 4),
                                  .trigger = line.trigger,
                                  .polarity = line.polarity};
    if (override.isa_irq < 16 && !tables.overrides.push_back(override))
        log::warning("ACPI: too many interrupt overrides; ISA interrupt ", override.isa_irq, " keeps its own number");
}

void add_nmi(Tables& tables, std::uint32_t uid, std::uint16_t flags, std::uint8_t lint)
{
    Line const line = line_of(flags);
    if (!tables.local_nmis.push_back({.processor_uid = uid, .lint = lint, .trigger = line.trigger, .polarity = line.polarity}))
        log::warning("ACPI: too many NMI entries; the one of processor ", uid, " is not used");
}

void read_entry(EntryType type, std::span<std::byte const> entry, Tables& tables)
{
    switch (type) {
    case EntryType::local_apic:
        if (entry.size() >= 8)
            add_processor(tables, field<std::uint8_t>(entry, 3), field<std::uint8_t>(entry, 2),
                          field<std::uint32_t>(entry, 4));
        break;
    case EntryType::local_x2apic:
        if (entry.size() >= 16)
            add_processor(tables, field<std::uint32_t>(entry, 4), field<std::uint32_t>(entry, 12),
                          field<std::uint32_t>(entry, 8));
        break;
    case EntryType::io_apic:
        if (entry.size() >= 12
            && !tables.io_apics.push_back({.id = field<std::uint8_t>(entry, 2),
                                           .address = field<std::uint32_t>(entry, 4),
                                           .first_gsi = field<std::uint32_t>(entry, 8)}))
            log::warning("ACPI: more than ", tables.io_apics.capacity(), " I/O APICs; the rest is not used");
        break;
    case EntryType::source_override:
        if (entry.size() >= 10)
            read_override(entry, tables);
        break;
    case EntryType::local_nmi:
        if (entry.size() >= 6) {
            auto const uid = field<std::uint8_t>(entry, 2);
            add_nmi(tables, uid == 0xff ? ~0u : uid, field<std::uint16_t>(entry, 3), field<std::uint8_t>(entry, 5));
        }
        break;
    case EntryType::local_x2apic_nmi:
        if (entry.size() >= 12)
            add_nmi(tables, field<std::uint32_t>(entry, 4), field<std::uint16_t>(entry, 2), field<std::uint8_t>(entry, 8));
        break;
    case EntryType::local_apic_address:
        if (entry.size() >= 12)
            tables.local_apic_address = field<std::uint64_t>(entry, 4);
        break;
    }
}

} // namespace

void read_madt(std::span<std::byte const> table, Tables& tables)
{
    constexpr std::size_t first_entry = 44;
    if (table.size() < first_entry)
        return;
    tables.local_apic_address = field<std::uint32_t>(table, 36);
    tables.has_legacy_pic = (field<std::uint32_t>(table, 40) & 1) != 0;
    auto rest = table.subspan(first_entry);
    while (rest.size() >= 2) {
        auto const type = static_cast<EntryType>(rest[0]);
        auto const length = static_cast<std::size_t>(rest[1]);
        if (length < 2 || length > rest.size()) {
            log::warning("ACPI: the MADT has an entry of ", length, " bytes; the rest of the table is not used");
            return;
        }
        read_entry(type, rest.first(length), tables);
        rest = rest.subspan(length);
    }
}

} // namespace rf::dev::acpi
