// SPDX-License-Identifier: MIT
#pragma once
/// Starting the other CPUs.

#include "base/types.hpp"

#include <span>

namespace rf::boot {

/// Puts this CPU's local APIC to work, in the mode that the firmware left or the machine needs.
void start_local_apic();

/// Starts the CPUs with these local APIC identifiers (the boot CPU's own is skipped), one after the other, as CPU 1, 2, ...
/// up to `limit` CPUs in all; each ends in secondary_main(cpu). A CPU that does not answer within two seconds is reported
/// and left alone. Yields how many CPUs run. `tsc_khz` times the waits.
unsigned start_secondaries(std::span<std::uint32_t const> apic_ids, unsigned limit, std::uint64_t tsc_khz);

} // namespace rf::boot

/// Supplied by main.cpp: the life of a CPU after its start, on its own stack, interrupts off. Never returns.
extern "C" [[noreturn]] void secondary_main(rf::CpuId cpu);
