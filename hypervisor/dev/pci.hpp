// SPDX-License-Identifier: MIT
#pragma once
/// PCI configuration space: access mechanisms and the capability list.
///
/// Mechanism 1 (ports 0xcf8/0xcfc) is shared with Dom0, whose accesses we carry out (port_access.hpp): one lock keeps
/// address and data together. Memory-mapped windows, when known, serve everything beyond offset 255 or segment 0.

#include "base/result.hpp"
#include "dev/acpi.hpp"

#include <cstdint>

namespace rf::dev::pci {

/// Segment, bus, device and function.
struct Address {
    std::uint16_t segment = 0;
    std::uint8_t bus = 0;
    std::uint8_t devfn = 0; ///< device << 3 | function
    constexpr auto operator<=>(Address const&) const = default;
};

/// Configuration access. Sizes are 1, 2 or 4; the offset is a multiple of the size and at most 4096 - size.
class Configuration {
public:
    /// All ones when nothing answers.
    [[nodiscard]] virtual std::uint32_t read(Address address, std::uint16_t offset, unsigned size) = 0;
    virtual void write(Address address, std::uint16_t offset, unsigned size, std::uint32_t value) = 0;

    [[nodiscard]] std::uint8_t read8(Address a, std::uint16_t offset) { return static_cast<std::uint8_t>(read(a, offset, 1)); }
    [[nodiscard]] std::uint16_t read16(Address a, std::uint16_t offset)
    {
        return static_cast<std::uint16_t>(read(a, offset, 2));
    }
    [[nodiscard]] std::uint32_t read32(Address a, std::uint16_t offset) { return read(a, offset, 4); }

protected:
    ~Configuration() = default;
};

/// The machine's configuration space.
[[nodiscard]] Configuration& machine();
/// Makes the memory-mapped windows of the MCFG usable.
void add_windows(acpi::Tables const& tables);

/// One aligned access by mechanism 1 with the given address word (bit 31 set); `data_offset` + size <= 4.
[[nodiscard]] std::uint32_t mechanism_1_read(std::uint32_t address_word, unsigned data_offset, unsigned size);
void mechanism_1_write(std::uint32_t address_word, unsigned data_offset, unsigned size, std::uint32_t value);

inline constexpr std::uint8_t capability_msi = 0x05;
inline constexpr std::uint8_t capability_msix = 0x11;

[[nodiscard]] bool present(Configuration& configuration, Address address);
/// Offset of a capability in the function's list, 0 when it has none. The walk is bounded: a looped list ends.
[[nodiscard]] std::uint16_t find_capability(Configuration& configuration, Address address, std::uint8_t id);

/// Memory that a base address register decodes.
struct Bar {
    std::uint64_t address = 0;
    bool is_memory = false;
    bool is_64_bit = false;
};
/// Base address register `index` (0..5); Errno::einval when the index is bad, Errno::enodev when it decodes nothing.
[[nodiscard]] Result<Bar> read_bar(Configuration& configuration, Address address, unsigned index);

} // namespace rf::dev::pci
