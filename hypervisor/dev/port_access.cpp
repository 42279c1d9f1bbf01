// SPDX-License-Identifier: MIT
#include "dev/port_access.hpp"

#include "base/atomic.hpp"
#include "base/spinlock.hpp"
#include "cpu/insn.hpp"
#include "dev/pci.hpp"
#include "dev/rtc.hpp"

namespace rf::dev::port {
namespace {

constexpr std::uint16_t pit_channel_2 = 0x42;
constexpr std::uint16_t pit_command = 0x43;
constexpr std::uint16_t system_control = 0x61;
constexpr std::uint16_t rtc_index = 0x70;
constexpr std::uint16_t rtc_data = 0x71;
constexpr std::uint16_t pci_address = 0xcf8;
constexpr std::uint16_t pci_data = 0xcfc;

/// Dom0's view of the two index registers; there is one control domain, hence one of each.
constinit Atomic<std::uint32_t> pci_latch{0};
constinit Atomic<std::uint8_t> rtc_latch{0};
constinit Spinlock system_control_lock{LockRank::device};

bool is_virtual_byte(std::uint32_t port)
{
    return port == pit_channel_2 || port == pit_command || port == system_control || port == rtc_index || port == rtc_data;
}

bool is_pci_address(std::uint16_t first, unsigned size) { return first == pci_address && size == 4; }
bool is_pci_data(std::uint32_t port) { return port >= pci_data && port < pci_data + 4u; }

/// Only an enabled address and a naturally aligned access make a configuration cycle.
bool is_configuration_cycle(std::uint16_t first, unsigned size)
{
    return is_pci_data(first) && first % size == 0 && pci_latch.load(relaxed) >> 31;
}

/// Channel 2 is Dom0's; commands for the other channels are dropped. A read-back may name channel 2 only.
bool is_channel_2_command(std::uint8_t command)
{
    bool const read_back = command >> 6 == 3;
    return read_back ? (command & 0x0e) == 0x08 : command >> 6 == 2;
}

std::uint8_t byte_in(std::uint32_t port)
{
    switch (port) {
    case pit_channel_2: return cpu::in8(pit_channel_2);
    case system_control: return cpu::in8(system_control);
    case rtc_index: return rtc_latch.load(relaxed);
    case rtc_data: return rtc::read_register(rtc_latch.load(relaxed));
    default: return 0xff;
    }
}

void byte_out(std::uint32_t port, std::uint8_t value)
{
    switch (port) {
    case pit_channel_2: cpu::out8(pit_channel_2, value); break;
    case pit_command:
        if (is_channel_2_command(value))
            cpu::out8(pit_command, value);
        break;
    case system_control: {
        // Gate and speaker are Dom0's; the NMI enables above them are not.
        LockGuard guard(system_control_lock);
        cpu::out8(system_control, static_cast<std::uint8_t>((cpu::in8(system_control) & 0x0c) | (value & 0x03)));
        break;
    }
    case rtc_index: rtc_latch.store(value, relaxed); break;
    case rtc_data: rtc::write_register(rtc_latch.load(relaxed), value); break;
    default: break;
    }
}

} // namespace

bool is_virtual(std::uint16_t first, unsigned size)
{
    if (is_pci_address(first, size))
        return true;
    for (std::uint32_t port = first; port < first + size; ++port)
        if (is_virtual_byte(port) || is_pci_data(port))
            return true;
    return false;
}

std::uint32_t virtual_in(std::uint16_t first, unsigned size)
{
    if (is_pci_address(first, size))
        return pci_latch.load(relaxed);
    if (is_pci_data(first))
        return is_configuration_cycle(first, size)
                 ? pci::mechanism_1_read(pci_latch.load(relaxed) & ~3u, first - pci_data, size)
                 : all_ones(size);
    std::uint32_t value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= std::uint32_t{byte_in(std::uint32_t{first} + i)} << i * 8;
    return value;
}

void virtual_out(std::uint16_t first, unsigned size, std::uint32_t value)
{
    if (is_pci_address(first, size)) {
        pci_latch.store(value, relaxed);
    } else if (is_pci_data(first)) {
        if (is_configuration_cycle(first, size))
            pci::mechanism_1_write(pci_latch.load(relaxed) & ~3u, first - pci_data, size, value);
    } else {
        for (unsigned i = 0; i < size; ++i)
            byte_out(std::uint32_t{first} + i, static_cast<std::uint8_t>(value >> i * 8));
    }
}

std::uint32_t real_in(std::uint16_t first, unsigned size)
{
    switch (size) {
    case 1: return cpu::in8(first);
    case 2: return cpu::in16(first);
    default: return cpu::in32(first);
    }
}

void real_out(std::uint16_t first, unsigned size, std::uint32_t value)
{
    switch (size) {
    case 1: cpu::out8(first, static_cast<std::uint8_t>(value)); break;
    case 2: cpu::out16(first, static_cast<std::uint16_t>(value)); break;
    default: cpu::out32(first, value); break;
    }
}

} // namespace rf::dev::port
