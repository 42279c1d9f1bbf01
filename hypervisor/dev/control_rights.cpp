// SPDX-License-Identifier: MIT
#include "dev/control_rights.hpp"

#include "dev/console.hpp"
#include "dev/interrupts.hpp"

namespace rf::dev {
namespace {

constexpr unsigned uart_ports = 8;

Status fill_ports(RangeSet& ports, acpi::Tables const& tables, ControlRightsInput const& input)
{
    TRY(ports.add(0, 0xffff));
    struct Span {
        std::uint16_t first, last;
    };
    constexpr Span ours[] = {{0x20, 0x21}, {0xa0, 0xa1}, {0x40, 0x43}, {0x61, 0x61}, {0xcfc, 0xcff}};
    for (Span const& span : ours)
        TRY(ports.remove(span.first, span.last));
    if (tables.fadt && tables.fadt->pm_timer.exists() && tables.fadt->pm_timer.space == acpi::AddressSpace::ports)
        TRY(ports.remove(tables.fadt->pm_timer.address, tables.fadt->pm_timer.address + 3));
    for (std::uint16_t const port : input.serial_ports)
        TRY(ports.remove(port, port + uart_ports - 1u));
    return {};
}

Status remove_page(RangeSet& frames, std::uint64_t address)
{
    Mfn const frame = MachineAddress{address}.frame();
    return frames.remove(frame.value, frame.value);
}

Status fill_frames(Rights& rights, acpi::Tables const& tables, ControlRightsInput const& input)
{
    std::uint64_t const last_frame = (1ull << (input.physical_address_bits - page_shift)) - 1;
    TRY(rights.device_frames.add(0, last_frame));
    // Interrupt messages: whoever writes there raises interrupts. The local APICs are inside by default.
    TRY(rights.device_frames.remove(0xfee00, 0xfeeff));
    TRY(remove_page(rights.device_frames, tables.local_apic_address));
    for (auto const& io_apic : tables.io_apics)
        TRY(remove_page(rights.device_frames, io_apic.address));
    if (tables.hpet) {
        std::uint64_t const frame = MachineAddress{tables.hpet->address}.frame().value;
        bool const page_is_hpet_only = (tables.hpet->protection & 0x0f) != 0;
        if (page_is_hpet_only)
            TRY(rights.device_frames.remove(frame, frame));
        else
            TRY(rights.read_only_frames.add(frame, frame));
    }
    return {};
}

} // namespace

Status fill_control_rights(Rights& rights, acpi::Tables const& tables, ControlRightsInput const& input)
{
    TRY(fill_ports(rights.ports, tables, input));
    TRY(fill_frames(rights, tables, input));
    if (input.gsi_limit)
        TRY(rights.interrupts.add(0, input.gsi_limit - 1));
    return {};
}

Status fill_control_rights(Rights& rights, unsigned physical_address_bits)
{
    std::array<std::uint16_t, 2> ports{};
    std::size_t const port_count = console::serial_ports(ports);
    return fill_control_rights(rights, machine_tables,
                               {.physical_address_bits = physical_address_bits,
                                .gsi_limit = interrupts.gsi_limit(),
                                .serial_ports = std::span(ports).first(port_count)});
}

} // namespace rf::dev
