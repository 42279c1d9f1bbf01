// SPDX-License-Identifier: MIT
#pragma once
/// Machine instructions on the host. Ports are answered by the test's PortBus; without one they read all ones, as an empty
/// bus does. The counter is the test's too.

#include <cstdint>
#include <cstdlib>

namespace rf::cpu {

/// What answers IN and OUT.
class PortBus {
public:
    virtual ~PortBus() = default;
    virtual std::uint32_t in(std::uint16_t port, unsigned size) = 0;
    virtual void out(std::uint16_t port, unsigned size, std::uint32_t value) = 0;
};

inline PortBus* fake_ports = nullptr;
inline std::uint64_t fake_tsc = 0;

[[nodiscard]] inline std::uint8_t in8(std::uint16_t port)
{
    return static_cast<std::uint8_t>(fake_ports ? fake_ports->in(port, 1) : ~0u);
}
[[nodiscard]] inline std::uint16_t in16(std::uint16_t port)
{
    return static_cast<std::uint16_t>(fake_ports ? fake_ports->in(port, 2) : ~0u);
}
[[nodiscard]] inline std::uint32_t in32(std::uint16_t port) { return fake_ports ? fake_ports->in(port, 4) : ~0u; }
inline void out8(std::uint16_t port, std::uint8_t v)
{
    if (fake_ports)
        fake_ports->out(port, 1, v);
}
inline void out16(std::uint16_t port, std::uint16_t v)
{
    if (fake_ports)
        fake_ports->out(port, 2, v);
}
inline void out32(std::uint16_t port, std::uint32_t v)
{
    if (fake_ports)
        fake_ports->out(port, 4, v);
}

[[nodiscard]] inline std::uint64_t read_tsc() { return fake_tsc; }
[[nodiscard]] inline std::uint64_t read_tsc_ordered() { return fake_tsc; }
inline void pause() {}
inline void disable_interrupts() {}
inline void enable_interrupts() {}
/// Nothing wakes a stopped processor on the host.
[[noreturn]] inline void halt() { std::abort(); }

} // namespace rf::cpu
