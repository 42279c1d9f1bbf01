// SPDX-License-Identifier: MIT
#pragma once
/// What the control domain may touch: every device, except what the hypervisor drives itself.

#include "base/rights.hpp"
#include "dev/acpi.hpp"

#include <span>

namespace rf::dev {

/// What must be known besides the tables.
struct ControlRightsInput {
    unsigned physical_address_bits = 36;
    unsigned gsi_limit = 0;
    std::span<std::uint16_t const> serial_ports; ///< UARTs in use by the hypervisor, first port of each
};

/// Fills the rights of the control domain.
///
/// Ports: all but the interrupt controllers (20h, a0h), the timer and its gate (40h..43h, 61h), the ACPI timer, the PCI
/// data port (virtual) and our UARTs. Frames: all physical addresses without RAM (RAM is guarded by ownership, not here)
/// but the local APICs' and the interrupt message window and the I/O APICs; a shared HPET page is read-only.
/// Interrupts: all lines; binding one that we use ourselves fails in the router. Errno::enospc: more exceptions than a
/// RangeSet holds.
[[nodiscard]] Status fill_control_rights(Rights& rights, acpi::Tables const& tables, ControlRightsInput const& input);
/// The same with the machine's own tables, router and console. After bring_up_interrupts().
[[nodiscard]] Status fill_control_rights(Rights& rights, unsigned physical_address_bits);

} // namespace rf::dev
