// SPDX-License-Identifier: MIT
#pragma once
/// I/O port accesses of guests, carried out after IOPL and bitmap were checked by the emulator.
///
/// Domains reach the ports of their Rights; others read as all ones and ignore writes (Dom0 probes the timer that way).
/// Some ports are shared between Dom0 and us and are virtual for Dom0: the PCI address latch and data (we run every
/// configuration access), the clock's index latch, the third PIT channel with its gate. Locks: those of pci and rtc.

#include "base/types.hpp"

#include <concepts>
#include <cstdint>

namespace rf::dev {

namespace port {
/// True when the range touches a port that is virtual for the control domain.
[[nodiscard]] bool is_virtual(std::uint16_t first, unsigned size);
[[nodiscard]] std::uint32_t virtual_in(std::uint16_t first, unsigned size);
void virtual_out(std::uint16_t first, unsigned size, std::uint32_t value);
/// Straight to the machine.
[[nodiscard]] std::uint32_t real_in(std::uint16_t first, unsigned size);
void real_out(std::uint16_t first, unsigned size, std::uint32_t value);

[[nodiscard]] constexpr std::uint32_t all_ones(unsigned size) { return size >= 4 ? ~0u : (1u << size * 8) - 1; }
} // namespace port

/// What these functions need to know of a domain (domain::Domain has it).
template <class T>
concept PortUser = requires(T const& domain) {
    { domain.is_control() } -> std::same_as<bool>;
    { domain.rights().ports.contains(0u, 0u) } -> std::same_as<bool>;
};

/// IN of 1, 2 or 4 bytes; never fails.
template <PortUser Domain>
[[nodiscard]] std::uint32_t guest_in(Domain const& domain, std::uint16_t first, unsigned size)
{
    if (port::is_virtual(first, size))
        return domain.is_control() ? port::virtual_in(first, size) : port::all_ones(size);
    if (!domain.rights().ports.contains(first, first + size - 1))
        return port::all_ones(size);
    return port::real_in(first, size);
}

/// OUT of 1, 2 or 4 bytes; without the right nothing happens.
template <PortUser Domain>
void guest_out(Domain const& domain, std::uint16_t first, unsigned size, std::uint32_t value)
{
    if (port::is_virtual(first, size)) {
        if (domain.is_control())
            port::virtual_out(first, size, value);
        return;
    }
    if (domain.rights().ports.contains(first, first + size - 1))
        port::real_out(first, size, value);
}

} // namespace rf::dev
