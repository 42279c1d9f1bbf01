// SPDX-License-Identifier: MIT
#include "dev/bring_up.hpp"

#include "base/log.hpp"
#include "cpu/vectors.hpp"
#include "dev/command_line.hpp"
#include "dev/console.hpp"
#include "dev/legacy_pic.hpp"
#include "dev/power.hpp"
#include "mm/device_window.hpp"

namespace rf::dev {
namespace {

class FirmwareMemory final : public acpi::Memory {
public:
    std::span<std::byte const> view(std::uint64_t address, std::size_t bytes) override
    {
        void const* const window = mm::map_firmware({address}, bytes);
        return window ? std::span(static_cast<std::byte const*>(window), bytes) : std::span<std::byte const>{};
    }
};

class MachineIoApic final : public IoApicRegisters {
public:
    [[nodiscard]] bool open(std::uint64_t address)
    {
        registers_ = static_cast<volatile std::uint32_t*>(mm::map_device({address}, 0x20));
        return registers_ != nullptr;
    }
    std::uint32_t read(std::uint8_t index) override
    {
        registers_[select] = index;
        return registers_[window];
    }
    void write(std::uint8_t index, std::uint32_t value) override
    {
        registers_[select] = index;
        registers_[window] = value;
    }

private:
    static constexpr unsigned select = 0;
    static constexpr unsigned window = 0x10 / 4;
    volatile std::uint32_t* registers_ = nullptr;
};

constinit FirmwareMemory machine_firmware;
constinit FixedVector<MachineIoApic, 16> io_apic_registers;

/// A view that shows a copy of the root pointer at an address of its own, and real memory elsewhere.
class WithRootPointer final : public acpi::Memory {
public:
    static constexpr std::uint64_t made_up_address = ~0ull - 0xfff;
    explicit WithRootPointer(std::span<std::byte const> bytes) : bytes_(bytes) {}
    std::span<std::byte const> view(std::uint64_t address, std::size_t bytes) override
    {
        if (address != made_up_address)
            return machine_firmware.view(address, bytes);
        return bytes <= bytes_.size() ? bytes_.first(bytes) : std::span<std::byte const>{};
    }

private:
    std::span<std::byte const> bytes_;
};

void read_efi(FirmwareHints const& hints)
{
    if (!hints.efi_system_table)
        return;
    auto const found = efi::read(machine_firmware, hints.efi_system_table);
    if (!found) {
        log::warning("UEFI: there is no system table at ", log::Hex{hints.efi_system_table}, "; Dom0 boots as on a BIOS machine");
        return;
    }
    machine_efi = *found;
    machine_efi.memory_map = hints.efi_memory_map;
    machine_efi.descriptor_bytes = hints.efi_descriptor_bytes;
}

Status read_acpi(FirmwareHints const& hints)
{
    for (std::uint64_t const address : {machine_efi.root_pointer, hints.root_pointer})
        if (address && acpi::parse(machine_firmware, address, machine_tables))
            return {};
    if (auto const found = acpi::find_root_pointer(machine_firmware))
        if (acpi::parse(machine_firmware, *found, machine_tables))
            return {};
    if (!hints.root_pointer_bytes.empty()) {
        WithRootPointer memory(hints.root_pointer_bytes);
        if (acpi::parse(memory, WithRootPointer::made_up_address, machine_tables)) {
            machine_tables.rsdp = 0; // its address is not known
            return {};
        }
    }
    return fail(Errno::enoent);
}

Status open_io_apics()
{
    for (auto const& entry : machine_tables.io_apics) {
        MachineIoApic fresh;
        if (!fresh.open(entry.address) || !io_apic_registers.push_back(fresh)) {
            log::warning("interrupts: the I/O APIC at ", log::Hex{entry.address}, " cannot be reached; it is not used");
            continue;
        }
        MachineIoApic& registers = io_apic_registers[io_apic_registers.size() - 1];
        if (!interrupts.add_io_apic(registers, entry))
            log::warning("interrupts: no room for the I/O APIC at ", log::Hex{entry.address}, "; it is not used");
        else
            log::info("interrupts: I/O APIC at ", log::Hex{entry.address}, " serves GSI ", entry.first_gsi, "..",
                      interrupts.gsi_limit() - 1);
    }
    return interrupts.gsi_limit() ? Status{} : fail(Errno::enodev);
}

} // namespace

acpi::Memory& firmware_memory() { return machine_firmware; }

Status read_firmware(FirmwareHints const& hints)
{
    read_efi(hints);
    if (!options.use_acpi)
        return fail(Errno::enoent);
    TRY(read_acpi(hints));
    pci::add_windows(machine_tables);
    log::info("ACPI: ", machine_tables.processors.size(), " processors, ", machine_tables.io_apics.size(), " I/O APICs, ",
              machine_tables.overrides.size(), " interrupt overrides, ", machine_tables.mcfg.size(),
              " configuration windows, HPET: ", machine_tables.hpet.has_value());
    return {};
}

Status bring_up_interrupts(LocalInterrupts local, CpuId cpu)
{
    if (machine_tables.has_legacy_pic)
        park_legacy_pic(cpu::vector::first_legacy);
    interrupts.initialise(local, {cpu::vector::first_device, cpu::vector::last_device}, pci::machine());
    TRY(open_io_apics());
    for (std::uint8_t irq = 0; irq < 16; ++irq) {
        auto const route = acpi::route_isa(machine_tables, irq);
        interrupts.set_default(route.gsi, route.trigger, route.polarity);
    }
    console::register_key('R', "resets the machine", [] { power::reset(); });
    if (!console::enable_input_interrupt(cpu))
        log::warning("console: the serial line has no interrupt; input is polled");
    return {};
}

} // namespace rf::dev
