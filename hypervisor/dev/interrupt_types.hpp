// SPDX-License-Identifier: MIT
#pragma once
/// Words that every part of interrupt routing shares.

#include <cstdint>

namespace rf::dev {

enum class Trigger : std::uint8_t { edge, level };
enum class Polarity : std::uint8_t { high, low };
/// Whether several domains may be bound to one interrupt (BIND_PIRQ__WILL_SHARE).
enum class Sharing : std::uint8_t { exclusive, shared };

/// Global system interrupt: the machine-wide number of an I/O APIC pin (ACPI).
using Gsi = std::uint32_t;

/// Hears the interrupts that are bound to a domain; the domain's event table implements it.
///
/// Called with interrupts off and without any lock of room dev/ held, on the CPU that took the interrupt. A call may
/// still arrive shortly after the pirq was unbound (another CPU was just delivering it): the sink then ignores it.
class PirqSink {
public:
    virtual void pirq_fired(unsigned pirq) = 0;

protected:
    ~PirqSink() = default;
};

} // namespace rf::dev
