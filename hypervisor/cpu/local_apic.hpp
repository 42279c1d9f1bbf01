// SPDX-License-Identifier: MIT
#pragma once
/// The local APIC of each CPU: interrupts between CPUs, end of interrupt, the one-shot timer (SDM vol. 3, chapter 10).
///
/// Registers are reached through a device window, or through MSRs when firmware left the APIC in x2APIC mode or an APIC
/// identifier does not fit into 8 bits. All CPUs use the same mode.

#include "base/types.hpp"

namespace rf::cpu::local_apic {

/// Physical address of the register page, from this CPU's IA32_APIC_BASE.
[[nodiscard]] MachineAddress register_page();
/// True when firmware left this CPU's APIC in x2APIC mode.
[[nodiscard]] bool firmware_uses_x2apic();

/// Decides how registers are reached, before the first enable(). `registers` is a window onto register_page(); it may be
/// null for x2APIC mode.
enum class Mode : std::uint8_t { memory, x2apic };
void choose_mode(Mode mode, volatile void* registers);

/// Switches this CPU's APIC on: all local sources masked except error, priority 0, and records its identifier as that of
/// `cpu`.
void enable(CpuId cpu);
/// This CPU's APIC identifier, from the hardware.
[[nodiscard]] std::uint32_t id();
/// The identifier of any CPU that was enabled.
[[nodiscard]] std::uint32_t id_of(CpuId cpu);
void end_of_interrupt();
/// Reads and clears the error register: call it for vector::error.
[[nodiscard]] std::uint32_t take_errors();

/// Sends a fixed interrupt to an enabled CPU.
void send(CpuId cpu, std::uint8_t vector);
void send_nmi(CpuId cpu);
/// Starting a CPU by its APIC identifier (SDM vol. 3, 8.4.4.1).
void send_init(std::uint32_t apic_id);
void send_startup(std::uint32_t apic_id, std::uint8_t page);

/// Learns how fast the timer counts relative to the TSC, in a window of `tsc_cycles`; not needed with a TSC deadline.
/// Once, on the boot processor. False when the timer does not count.
[[nodiscard]] bool calibrate_timer(std::uint64_t tsc_cycles);
/// Lets vector::timer fire on this CPU once, when the TSC reaches `deadline` or soon after; at once when it has passed. A
/// deadline beyond the counter's range fires early: the handler looks at the clock anyway.
void arm_timer(std::uint64_t deadline);
void disarm_timer();
/// Use the TSC deadline when the processor has it (default); `tsc_deadline=off` forbids it. Before the first enable().
void allow_tsc_deadline(bool allowed);

} // namespace rf::cpu::local_apic
