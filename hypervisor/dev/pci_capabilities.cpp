// SPDX-License-Identifier: MIT
#include "dev/pci.hpp"

namespace rf::dev::pci {
namespace {

constexpr std::uint16_t vendor_register = 0x00;
constexpr std::uint16_t status_register = 0x06;
constexpr std::uint16_t header_type_register = 0x0e;
constexpr std::uint16_t first_bar = 0x10;
constexpr std::uint16_t capabilities_pointer = 0x34;
constexpr std::uint16_t status_has_capabilities = 1u << 4;
constexpr std::uint8_t first_capability_offset = 0x40;
/// At most this many capabilities of four bytes fit into the space above the header.
constexpr unsigned most_capabilities = (256 - first_capability_offset) / 4;

} // namespace

bool present(Configuration& configuration, Address address)
{
    std::uint16_t const vendor = configuration.read16(address, vendor_register);
    return vendor != 0xffff && vendor != 0;
}

std::uint16_t find_capability(Configuration& configuration, Address address, std::uint8_t id)
{
    if (!present(configuration, address) || !(configuration.read16(address, status_register) & status_has_capabilities))
        return 0;
    std::uint8_t offset = configuration.read8(address, capabilities_pointer) & 0xfc;
    for (unsigned step = 0; step < most_capabilities && offset >= first_capability_offset; ++step) {
        std::uint16_t const header = configuration.read16(address, offset);
        if ((header & 0xff) == id)
            return offset;
        offset = header >> 8 & 0xfc;
    }
    return 0;
}

Result<Bar> read_bar(Configuration& configuration, Address address, unsigned index)
{
    // Type 0 headers have six base address registers, bridges (type 1) two.
    unsigned const limit = (configuration.read8(address, header_type_register) & 0x7f) == 0 ? 6 : 2;
    if (index >= limit)
        return fail(Errno::einval);
    auto const offset = static_cast<std::uint16_t>(first_bar + index * 4);
    std::uint32_t const low = configuration.read32(address, offset);
    Bar bar;
    if (low & 1) {
        bar.address = low & ~3u;
        return bar;
    }
    bar.is_memory = true;
    bar.is_64_bit = (low >> 1 & 3) == 2;
    bar.address = low & ~0xfu;
    if (bar.is_64_bit) {
        if (index + 1 >= limit)
            return fail(Errno::einval);
        bar.address |= std::uint64_t{configuration.read32(address, static_cast<std::uint16_t>(offset + 4))} << 32;
    }
    if (bar.address == 0)
        return fail(Errno::enodev);
    return bar;
}

} // namespace rf::dev::pci
