// SPDX-License-Identifier: MIT
#pragma once
/// The end of the machine: reset and soft-off. None of these returns; all first stop the other CPUs and device interrupts.

#include "base/result.hpp"
#include "dev/acpi.hpp"

namespace rf::dev::power {

/// Calls that stop every other CPU, with bounded waiting; room cpu/ supplies it.
void set_stop_others(void (*stop)());

/// Resets: ACPI reset register, port 0xcf9, keyboard controller, triple fault, in this order.
[[noreturn]] void reset();
/// Soft-off with the sleep types of the \_S5_ package; halts when the machine has no way to switch off.
[[noreturn]] void power_off();
/// Stops this CPU for ever, others too.
[[noreturn]] void halt();
/// After a crash of the hypervisor or of Dom0: resets, or halts if the command line says `noreboot`.
[[noreturn]] void reset_unless_forbidden();

/// What Dom0's ACPI interpreter asks for (XENPF_enter_acpi_sleep).
struct SleepRequest {
    std::uint8_t state;      ///< 5 is soft-off
    bool extended;           ///< hardware-reduced: values are 8-bit sleep types
    std::uint16_t value_a;   ///< PM1a control
    std::uint16_t value_b;   ///< PM1b control; not used on machines without that register
};
/// Checks a request: Errno::einval for malformed ones, Errno::eperm without ACPI registers, Errno::eopnotsupp for states
/// other than soft-off.
[[nodiscard]] Status check(SleepRequest const& request);
/// Carries out a checked request.
[[noreturn]] void enter(SleepRequest const& request);

} // namespace rf::dev::power
