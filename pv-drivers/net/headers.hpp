// SPDX-License-Identifier: MIT
#pragma once
/// Just enough of Ethernet, IPv4, IPv6, TCP and UDP to say where a packet's transport checksum is. Works on a private copy;
/// every read is bounded by the packet.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace rf::net {

/// Where the transport header of a packet lies.
struct Transport {
    enum class Network : std::uint8_t { ip_v4, ip_v6 };
    enum class Protocol : std::uint8_t { tcp, udp };

    Network network = Network::ip_v4;
    Protocol protocol = Protocol::tcp;
    std::uint16_t start = 0;            ///< bytes from the start of the packet
    std::uint16_t checksum_offset = 0;  ///< of the checksum field, from `start`
    std::uint16_t payload = 0;          ///< start of what follows the transport header, from the start of the packet
    std::uint32_t pseudo_sum = 0;       ///< one's-complement sum of the pseudo header, not folded
};

/// Finds the transport header. Nothing for fragments, other protocols and headers that do not fit.
[[nodiscard]] std::optional<Transport> find_transport(std::span<const std::byte> packet);

/// Whether the network header is IPv6; false for anything that is none.
[[nodiscard]] bool is_ip_v6(std::span<const std::byte> packet);

/// Sets the checksum field to the pseudo header's sum, as a packet has it whose checksum is left to others.
void set_partial_checksum(std::span<std::byte> packet, const Transport& transport);

/// Computes a checksum that was left blank: over everything from `start`, into the field at `start + offset`.
/// False, and nothing written, if the field is outside.
[[nodiscard]] bool complete_checksum(std::span<std::byte> packet, std::size_t start, std::size_t offset);

}  // namespace rf::net
