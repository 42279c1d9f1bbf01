// SPDX-License-Identifier: MIT
#include "net/headers.hpp"

namespace rf::net {
namespace {

constexpr std::uint16_t ethertype_ip_v4 = 0x0800;
constexpr std::uint16_t ethertype_ip_v6 = 0x86dd;
constexpr std::uint16_t ethertype_vlan = 0x8100;
constexpr std::uint16_t ethertype_service_vlan = 0x88a8;
constexpr unsigned max_vlan_tags = 2;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
/// IPv6 extension headers that may stand before the transport header, and how many are followed.
constexpr std::uint8_t hop_by_hop = 0, routing = 43, destination_options = 60;
constexpr unsigned max_extension_headers = 8;

using Bytes = std::span<const std::byte>;

std::uint8_t byte_at(Bytes bytes, std::size_t at)
{
    return std::to_integer<std::uint8_t>(bytes[at]);
}

std::uint16_t word_at(Bytes bytes, std::size_t at)
{
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

/// One's-complement sum of big-endian words; an odd last byte counts as a high one.
std::uint32_t sum_of(Bytes bytes)
{
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += word_at(bytes, i);
    if (bytes.size() % 2 != 0)
        sum += static_cast<std::uint32_t>(byte_at(bytes, bytes.size() - 1)) << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint32_t>(sum);
}

std::uint16_t fold(std::uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

void put_word(std::span<std::byte> bytes, std::size_t at, std::uint16_t value)
{
    bytes[at] = static_cast<std::byte>(value >> 8);
    bytes[at + 1] = static_cast<std::byte>(value & 0xff);
}

struct Network {
    std::uint16_t ethertype = 0;
    std::size_t start = 0;
};

std::optional<Network> find_network(Bytes packet)
{
    std::size_t at = 12;
    for (unsigned tags = 0; tags <= max_vlan_tags && at + 2 <= packet.size(); ++tags, at += 4) {
        const std::uint16_t type = word_at(packet, at);
        if (type != ethertype_vlan && type != ethertype_service_vlan)
            return Network{type, at + 2};
    }
    return std::nullopt;
}

/// Start of the transport header and its protocol.
struct Next {
    std::size_t start = 0;
    std::uint8_t protocol = 0;
    std::uint32_t addresses_sum = 0;
};

std::optional<Next> after_ip_v4(Bytes packet, std::size_t at)
{
    if (at + 20 > packet.size())
        return std::nullopt;
    const std::size_t header = (byte_at(packet, at) & 0xfu) * 4;
    const bool fragment = (word_at(packet, at + 6) & 0x3fff) != 0;
    if (byte_at(packet, at) >> 4 != 4 || header < 20 || fragment)
        return std::nullopt;
    return Next{at + header, byte_at(packet, at + 9), sum_of(packet.subspan(at + 12, 8))};
}

std::optional<Next> after_ip_v6(Bytes packet, std::size_t at)
{
    if (at + 40 > packet.size() || byte_at(packet, at) >> 4 != 6)
        return std::nullopt;
    Next next{at + 40, byte_at(packet, at + 6), sum_of(packet.subspan(at + 8, 32))};
    for (unsigned i = 0; i < max_extension_headers; ++i) {
        if (next.protocol != hop_by_hop && next.protocol != routing && next.protocol != destination_options)
            return next;
        if (next.start + 8 > packet.size())
            return std::nullopt;
        next.protocol = byte_at(packet, next.start);
        next.start += (byte_at(packet, next.start + 1) + 1u) * 8;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Transport> find_transport(Bytes packet)
{
    const auto network = find_network(packet);
    if (!network || (network->ethertype != ethertype_ip_v4 && network->ethertype != ethertype_ip_v6))
        return std::nullopt;
    const bool v4 = network->ethertype == ethertype_ip_v4;
    const auto next = v4 ? after_ip_v4(packet, network->start) : after_ip_v6(packet, network->start);
    if (!next)
        return std::nullopt;
    Transport transport;
    transport.network = v4 ? Transport::Network::ip_v4 : Transport::Network::ip_v6;
    std::size_t header;
    if (next->protocol == protocol_tcp && next->start + 20 <= packet.size()) {
        transport.protocol = Transport::Protocol::tcp;
        transport.checksum_offset = 16;
        header = (byte_at(packet, next->start + 12) >> 4) * 4u;
        if (header < 20)
            return std::nullopt;
    } else if (next->protocol == protocol_udp && next->start + 8 <= packet.size()) {
        transport.protocol = Transport::Protocol::udp;
        transport.checksum_offset = 6;
        header = 8;
    } else {
        return std::nullopt;
    }
    if (next->start + header > packet.size())
        return std::nullopt;
    transport.start = static_cast<std::uint16_t>(next->start);
    transport.payload = static_cast<std::uint16_t>(next->start + header);
    transport.pseudo_sum = next->addresses_sum + next->protocol + static_cast<std::uint32_t>(packet.size() - next->start);
    return transport;
}

bool is_ip_v6(Bytes packet)
{
    const auto network = find_network(packet);
    return network && network->ethertype == ethertype_ip_v6;
}

void set_partial_checksum(std::span<std::byte> packet, const Transport& transport)
{
    put_word(packet, transport.start + std::size_t{transport.checksum_offset}, fold(transport.pseudo_sum));
}

bool complete_checksum(std::span<std::byte> packet, std::size_t start, std::size_t offset)
{
    if (start > packet.size() || offset > packet.size() - start || packet.size() - start - offset < 2)
        return false;
    const auto sum = static_cast<std::uint16_t>(~fold(sum_of(packet.subspan(start))));
    // In UDP a zero means "no checksum"; all ones is the other spelling of zero, for every protocol.
    put_word(packet, start + offset, sum == 0 ? 0xffff : sum);
    return true;
}

}  // namespace rf::net
