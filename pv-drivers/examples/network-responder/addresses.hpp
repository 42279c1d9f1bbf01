// SPDX-License-Identifier: MIT
#pragma once
/// Ethernet and IPv4 addresses. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rf::responder {

using Mac = std::array<std::uint8_t, 6>;

inline constexpr Mac broadcast_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

[[nodiscard]] constexpr bool is_group(const Mac& mac)
{
    return (mac[0] & 1) != 0;
}

/// An IPv4 address as a number: 10.9.0.7 is 0x0a090007.
enum class Ipv4 : std::uint32_t {};

inline constexpr Ipv4 no_address{0};
inline constexpr Ipv4 broadcast_address{0xffffffff};

/// Whether one host may have it: not 0.x, loopback, multicast, reserved.
[[nodiscard]] constexpr bool is_host(Ipv4 address)
{
    const auto first = static_cast<std::uint32_t>(address) >> 24;
    return first != 0 && first != 127 && first < 224;
}

/// An address and its network.
struct Network {
    Ipv4 address = no_address;
    unsigned prefix_bits = 0;  ///< 1 ... 32

    [[nodiscard]] constexpr std::uint32_t mask() const { return ~std::uint32_t{0} << (32 - prefix_bits); }
    /// The address of all hosts of the network, or its number: neither belongs to one host.
    [[nodiscard]] constexpr bool is_edge(Ipv4 other) const
    {
        const auto host = static_cast<std::uint32_t>(other) & ~mask();
        return prefix_bits < 31 && ((static_cast<std::uint32_t>(other) ^ static_cast<std::uint32_t>(address)) & mask()) == 0 &&
               (host == 0 || host == ~mask());
    }
};

/// "10.9.0.7/24"; nothing if it is malformed or no host's address.
[[nodiscard]] std::optional<Network> parse_network(std::string_view text);

/// Bits of a netmask such as 255.255.255.0; nothing if its ones are not all in front, or if there are none.
[[nodiscard]] std::optional<unsigned> prefix_of(std::uint32_t mask);

}  // namespace rf::responder
