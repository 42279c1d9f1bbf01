// SPDX-License-Identifier: MIT
#include "dev/pci.hpp"

#include "base/spinlock.hpp"
#include "cpu/insn.hpp"
#include "mm/device_window.hpp"

namespace rf::dev::pci {
namespace {

constexpr std::uint16_t address_port = 0xcf8;
constexpr std::uint16_t data_port = 0xcfc;
constexpr std::uint32_t enable_bit = 1u << 31;
constexpr std::uint64_t bytes_per_function = 4096;

constinit Spinlock mechanism_lock{LockRank::device};
constinit FixedVector<acpi::McfgWindow, 8> windows;

/// The register in a memory-mapped window; null when none covers the function.
volatile void* window_register(Address address, std::uint16_t offset)
{
    for (auto const& window : windows) {
        if (window.segment != address.segment || address.bus < window.first_bus || address.bus > window.last_bus)
            continue;
        // The window's address is that of bus 0, wherever its first bus is (PCI Firmware Specification 3.2, 4.1.2).
        std::uint64_t const function = std::uint64_t{address.bus} << 8 | address.devfn;
        volatile void* const page = mm::map_device({window.address + function * bytes_per_function}, bytes_per_function);
        return page ? static_cast<volatile char*>(page) + offset : nullptr;
    }
    return nullptr;
}

std::uint32_t all_ones(unsigned size) { return size == 4 ? ~0u : (1u << size * 8) - 1; }

bool well_formed(std::uint16_t offset, unsigned size)
{
    return (size == 1 || size == 2 || size == 4) && offset % size == 0 && offset + size <= bytes_per_function;
}

bool by_mechanism_1(Address address, std::uint16_t offset) { return address.segment == 0 && offset < 256; }

std::uint32_t address_word(Address address, std::uint16_t offset)
{
    return enable_bit | std::uint32_t{address.bus} << 16 | std::uint32_t{address.devfn} << 8 | (offset & 0xfcu);
}

class MachineConfiguration final : public Configuration {
public:
    std::uint32_t read(Address address, std::uint16_t offset, unsigned size) override
    {
        if (!well_formed(offset, size))
            return all_ones(size);
        if (by_mechanism_1(address, offset))
            return mechanism_1_read(address_word(address, offset), offset & 3, size);
        volatile void* const place = window_register(address, offset);
        if (!place)
            return all_ones(size);
        switch (size) {
        case 1: return *static_cast<volatile std::uint8_t*>(place);
        case 2: return *static_cast<volatile std::uint16_t*>(place);
        default: return *static_cast<volatile std::uint32_t*>(place);
        }
    }
    void write(Address address, std::uint16_t offset, unsigned size, std::uint32_t value) override
    {
        if (!well_formed(offset, size))
            return;
        if (by_mechanism_1(address, offset))
            return mechanism_1_write(address_word(address, offset), offset & 3, size, value);
        volatile void* const place = window_register(address, offset);
        if (!place)
            return;
        switch (size) {
        case 1: *static_cast<volatile std::uint8_t*>(place) = static_cast<std::uint8_t>(value); break;
        case 2: *static_cast<volatile std::uint16_t*>(place) = static_cast<std::uint16_t>(value); break;
        default: *static_cast<volatile std::uint32_t*>(place) = value; break;
        }
    }
};

constinit MachineConfiguration machine_configuration;

} // namespace

Configuration& machine() { return machine_configuration; }

void add_windows(acpi::Tables const& tables) { windows = tables.mcfg; }

std::uint32_t mechanism_1_read(std::uint32_t address_word, unsigned data_offset, unsigned size)
{
    auto const port = static_cast<std::uint16_t>(data_port + data_offset);
    LockGuard guard(mechanism_lock);
    cpu::out32(address_port, address_word);
    switch (size) {
    case 1: return cpu::in8(port);
    case 2: return cpu::in16(port);
    default: return cpu::in32(port);
    }
}

void mechanism_1_write(std::uint32_t address_word, unsigned data_offset, unsigned size, std::uint32_t value)
{
    auto const port = static_cast<std::uint16_t>(data_port + data_offset);
    LockGuard guard(mechanism_lock);
    cpu::out32(address_port, address_word);
    switch (size) {
    case 1: cpu::out8(port, static_cast<std::uint8_t>(value)); break;
    case 2: cpu::out16(port, static_cast<std::uint16_t>(value)); break;
    default: cpu::out32(port, value); break;
    }
}

} // namespace rf::dev::pci
