// SPDX-License-Identifier: MIT
#pragma once
/// Message-signalled interrupts: the capability of a function, and how address and data are put into it.
///
/// Dom0 enables and disables MSI and MSI-X itself through configuration space and never touches mask bits; we write
/// address and data when the interrupt is mapped and unmask the entry when it is bound.
/// Source: PCI Local Bus Specification 3.0, section 6.8; Intel SDM volume 3, section 11.11.

#include "base/result.hpp"
#include "dev/pci.hpp"

namespace rf::dev {

/// What a device writes, and where, to raise an interrupt.
struct MsiMessage {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
    bool operator==(MsiMessage const&) const = default;
};
/// Fixed delivery of `vector` to one local APIC, edge triggered.
[[nodiscard]] MsiMessage compose_message(std::uint32_t apic_id, std::uint8_t vector);

/// Gives access to the memory of an MSI-X table; device windows on the machine, arrays in tests.
class TableMemory {
public:
    /// The 16-byte entry at a physical address. Errno::enomem.
    [[nodiscard]] virtual Result<std::uint32_t volatile*> map_entry(std::uint64_t address) = 0;

protected:
    ~TableMemory() = default;
};
[[nodiscard]] TableMemory& machine_table_memory();

enum class MsiKind : std::uint8_t { msi, msix };

/// One interrupt of one function, located.
struct MsiPlace {
    pci::Address address;
    MsiKind kind = MsiKind::msi;
    std::uint16_t capability = 0;
    std::uint16_t entry = 0;           ///< MSI-X table entry
    bool has_64_bit = false;           ///< MSI only
    bool has_mask = false;             ///< always for MSI-X
    std::uint32_t volatile* table_entry = nullptr; ///< MSI-X only
};

/// Finds the MSI capability. Errno::enodev: no such function or capability.
[[nodiscard]] Result<MsiPlace> locate_msi(pci::Configuration& configuration, pci::Address address);
/// Finds table entry `entry` of the MSI-X capability; `table_base`, when not 0, must be the start of the BAR that holds the
/// table. Errno::enodev, Errno::einval (entry beyond the table, wrong base), Errno::enomem.
[[nodiscard]] Result<MsiPlace> locate_msix(pci::Configuration& configuration, TableMemory& memory, pci::Address address,
                                           std::uint16_t entry, std::uint64_t table_base);
void write_message(pci::Configuration& configuration, MsiPlace const& place, MsiMessage const& message);
/// Sets or clears the mask bit of the vector, if it has one.
void set_mask(pci::Configuration& configuration, MsiPlace const& place, bool masked);
/// Stops a message for good: masked, and MSI switched off.
void silence(pci::Configuration& configuration, MsiPlace const& place);

/// Frames first..last.
struct FrameSpan {
    Mfn first, last;
};
/// Frames that hold the MSI-X table. Errno::enodev: no such capability; Errno::einval: its BAR is no memory.
[[nodiscard]] Result<FrameSpan> msix_table_frames(pci::Configuration& configuration, pci::Address address);

} // namespace rf::dev
