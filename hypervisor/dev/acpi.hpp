// SPDX-License-Identifier: MIT
#pragma once
/// The static ACPI tables that the hypervisor itself needs: processors, interrupt controllers, power registers, timers.
///
/// Firmware tables are input, not truth: every length is checked against the bytes that exist, every list is bounded, a
/// bad table is skipped with a reason in the log and never read beyond its end. AML is Dom0's business; the one exception
/// is the pair of sleep types in the \_S5_ package, found by its byte pattern.
/// Source: ACPI specification 6.4, chapters 4.8 (registers) and 5.2 (tables).

#include "base/result.hpp"
#include "base/types.hpp"
#include "dev/fixed_vector.hpp"
#include "dev/interrupt_types.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace rf::dev::acpi {

/// Where table bytes come from: device windows on the machine, arrays in tests.
class Memory {
public:
    /// `bytes` bytes at a physical address, readable as long as this object lives; empty when they do not exist.
    [[nodiscard]] virtual std::span<std::byte const> view(std::uint64_t address, std::size_t bytes) = 0;

protected:
    ~Memory() = default;
};

/// One processor of the MADT (types 0 and 9).
struct LocalApic {
    std::uint32_t apic_id = 0;
    std::uint32_t processor_uid = 0;
    bool enabled = false;        ///< usable now
    bool online_capable = false; ///< may be added later
};

struct IoApicEntry {
    std::uint8_t id = 0;
    std::uint64_t address = 0;
    Gsi first_gsi = 0;
};

/// An ISA interrupt that is wired to another GSI, or with another polarity or trigger, than ISA's own.
struct SourceOverride {
    std::uint8_t isa_irq = 0;
    Gsi gsi = 0;
    Trigger trigger = Trigger::edge;
    Polarity polarity = Polarity::high;
};

/// A local APIC pin that carries NMIs.
struct LocalNmi {
    std::uint32_t processor_uid = 0; ///< ~0: all processors
    std::uint8_t lint = 0;
    Trigger trigger = Trigger::edge;
    Polarity polarity = Polarity::high;
};

enum class AddressSpace : std::uint8_t { memory = 0, ports = 1, pci_configuration = 2, other = 0xff };

/// A generic address structure; address 0 means that the register does not exist.
struct Register {
    AddressSpace space = AddressSpace::other;
    std::uint8_t bits = 0;
    std::uint64_t address = 0;
    [[nodiscard]] constexpr bool exists() const { return address != 0; }
};

/// Fixed ACPI description: power management registers.
struct Fadt {
    Register pm1a_event, pm1b_event;
    Register pm1a_control, pm1b_control;
    Register pm_timer;
    bool pm_timer_32_bit = false;
    Register reset;
    std::uint8_t reset_value = 0;
    bool reset_supported = false;
    Register sleep_control, sleep_status; ///< hardware-reduced machines
    bool hardware_reduced = false;
    std::uint16_t sci_interrupt = 9;
    std::uint16_t smi_command_port = 0;
    std::uint8_t acpi_enable_value = 0;
    std::uint8_t century_register = 0; ///< CMOS index, 0 = none
    std::uint16_t boot_flags = 0;      ///< IA-PC boot architecture flags
    std::uint64_t facs = 0;
    std::uint64_t dsdt = 0;
};

struct Hpet {
    std::uint64_t address = 0;
    std::uint8_t protection = 0; ///< page protection and OEM attribute byte
};

/// A memory-mapped PCI configuration window (MCFG).
struct McfgWindow {
    std::uint64_t address = 0;
    std::uint16_t segment = 0;
    std::uint8_t first_bus = 0;
    std::uint8_t last_bus = 0;
};

/// Sleep types of soft-off.
struct SoftOff {
    std::uint8_t type_a = 0;
    std::uint8_t type_b = 0;
};

/// Everything found. Tables that are absent or bad leave their part empty.
struct Tables {
    std::uint64_t rsdp = 0;
    std::uint64_t local_apic_address = 0xfee0'0000;
    bool has_legacy_pic = true;
    FixedVector<LocalApic, 512> processors;
    FixedVector<IoApicEntry, 16> io_apics;
    FixedVector<SourceOverride, 32> overrides;
    FixedVector<LocalNmi, 16> local_nmis;
    std::optional<Fadt> fadt;
    std::optional<Hpet> hpet;
    FixedVector<McfgWindow, 8> mcfg;
    std::optional<SoftOff> soft_off;
};

/// Looks for the root pointer in the BIOS area 0xe0000..0xfffff and the first KiB of the extended BIOS data area.
/// Errno::enoent.
[[nodiscard]] Result<std::uint64_t> find_root_pointer(Memory& memory);
/// Reads all tables that we use into `tables`. Errno::einval: no valid root pointer or root table there.
[[nodiscard]] Status parse(Memory& memory, std::uint64_t root_pointer, Tables& tables);
/// The sleep types of the \_S5_ package in the bytes of a DSDT or SSDT.
[[nodiscard]] std::optional<SoftOff> find_soft_off(std::span<std::byte const> aml);

/// Trigger and polarity of an ISA interrupt and the GSI that it arrives on.
[[nodiscard]] SourceOverride route_isa(Tables const& tables, std::uint8_t isa_irq);

} // namespace rf::dev::acpi

namespace rf::dev {
/// The machine's tables; filled once by boot, constant afterwards.
extern acpi::Tables machine_tables;
} // namespace rf::dev
