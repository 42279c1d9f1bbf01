// SPDX-License-Identifier: MIT
#include "packet.hpp"

#include <algorithm>

namespace rf::responder {

namespace {

constexpr std::uint16_t arp_ethernet = 1;
constexpr std::uint16_t flag_dont_fragment = 0x4000;
constexpr std::uint16_t more_fragments_or_offset = 0x3fff;
constexpr std::uint8_t time_to_live = 64;
constexpr std::size_t udp_bytes = 8;
constexpr std::size_t udp_sum_at = 6;

[[nodiscard]] Mac take_mac(Reader& reader)
{
    Mac mac{};
    for (auto& part : mac)
        part = reader.byte();
    return mac;
}

void put_mac(Writer& writer, const Mac& mac)
{
    for (const auto part : mac)
        writer.byte(part);
}

void put_word(std::span<std::byte> bytes, std::size_t at, std::uint16_t value)
{
    Writer{bytes.subspan(at, 2)}.word(value);
}

/// The checksum field for a sum. All ones is the other spelling of zero, which in UDP would mean "none".
[[nodiscard]] std::uint16_t field_of(std::uint16_t sum)
{
    const auto field = static_cast<std::uint16_t>(~sum);
    return field == 0 ? 0xffff : field;
}

[[nodiscard]] bool has_pseudo_header(Protocol protocol)
{
    return protocol == Protocol::tcp || protocol == Protocol::udp;
}

}  // namespace

std::optional<Ethernet> parse_ethernet(Bytes frame)
{
    Reader reader{frame};
    Ethernet parsed{};
    parsed.to = take_mac(reader);
    parsed.from = take_mac(reader);
    parsed.type = EtherType{reader.word()};
    parsed.payload = reader.rest();
    if (!reader.ok() || is_group(parsed.from))
        return std::nullopt;
    return parsed;
}

std::optional<Arp> parse_arp(Bytes payload)
{
    Reader reader{payload};
    const bool kind_is_known = reader.word() == arp_ethernet && EtherType{reader.word()} == EtherType::ipv4 && reader.byte() == sizeof(Mac) &&
                               reader.byte() == sizeof(Ipv4);
    Arp arp{};
    arp.kind = Arp::Kind{reader.word()};
    arp.sender_mac = take_mac(reader);
    arp.sender = Ipv4{reader.quad()};
    arp.target_mac = take_mac(reader);
    arp.target = Ipv4{reader.quad()};
    if (!reader.ok() || !kind_is_known || is_group(arp.sender_mac))
        return std::nullopt;
    return arp;
}

std::optional<Packet> parse_ipv4(Bytes payload)
{
    Reader reader{payload};
    const auto version = reader.byte();
    reader.byte();  // type of service
    const std::size_t total = reader.word();
    reader.word();  // identification
    const auto fragment = reader.word();
    reader.byte();  // time to live: we are the end of the way
    Packet packet{};
    packet.protocol = Protocol{reader.byte()};
    reader.word();  // header sum, verified below
    packet.from = Ipv4{reader.quad()};
    packet.to = Ipv4{reader.quad()};
    const std::size_t header = (version & 15u) * 4;
    if (!reader.ok() || version >> 4 != 4 || header < ipv4_bytes || header > total || total > payload.size())
        return std::nullopt;
    if ((fragment & more_fragments_or_offset) != 0 || sum_of(payload.first(header)) != 0xffff || !is_host(packet.from))
        return std::nullopt;
    packet.payload = payload.subspan(header, total - header);
    return packet;
}

std::optional<Datagram> parse_udp(const Packet& packet, Checksum checksum)
{
    Reader reader{packet.payload};
    Datagram datagram{};
    datagram.from_port = reader.word();
    datagram.to_port = reader.word();
    const std::size_t bytes = reader.word();
    const bool has_sum = reader.word() != 0;
    if (!reader.ok() || bytes < udp_bytes || bytes > packet.payload.size())
        return std::nullopt;
    Packet exact = packet;
    exact.payload = packet.payload.first(bytes);
    if (has_sum && !transport_is_intact(exact, checksum))
        return std::nullopt;
    datagram.payload = exact.payload.subspan(udp_bytes);
    return datagram;
}

std::uint16_t sum_of(Bytes bytes, std::uint32_t start)
{
    std::uint64_t sum = start;
    std::size_t at = 0;
    for (; at + 1 < bytes.size(); at += 2)
        sum += std::to_integer<std::uint32_t>(bytes[at]) << 8 | std::to_integer<std::uint32_t>(bytes[at + 1]);
    if (at < bytes.size())
        sum += std::to_integer<std::uint32_t>(bytes[at]) << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

std::uint16_t pseudo_sum(Ipv4 from, Ipv4 to, Protocol protocol, std::size_t bytes)
{
    std::byte header[12];
    Writer writer{header};
    writer.quad(static_cast<std::uint32_t>(from));
    writer.quad(static_cast<std::uint32_t>(to));
    writer.word(static_cast<std::uint16_t>(protocol));
    writer.word(static_cast<std::uint16_t>(bytes));
    return sum_of(header);
}

bool transport_is_intact(const Packet& packet, Checksum checksum)
{
    return checksum != Checksum::complete ||
           sum_of(packet.payload, pseudo_sum(packet.from, packet.to, packet.protocol, packet.payload.size())) == 0xffff;
}

void Sender::ethernet(Writer& frame, const Mac& to, EtherType type) const
{
    put_mac(frame, to);
    put_mac(frame, mac_);
    frame.word(static_cast<std::uint16_t>(type));
}

void Sender::arp(Arp::Kind kind, const Mac& to, const Mac& target_mac, Ipv4 target)
{
    std::byte room[64];
    Writer frame{room};
    ethernet(frame, to, EtherType::arp);
    frame.word(arp_ethernet);
    frame.word(static_cast<std::uint16_t>(EtherType::ipv4));
    frame.byte(sizeof(Mac));
    frame.byte(sizeof(Ipv4));
    frame.word(static_cast<std::uint16_t>(kind));
    put_mac(frame, mac_);
    frame.quad(static_cast<std::uint32_t>(address_));
    put_mac(frame, target_mac);
    frame.quad(static_cast<std::uint32_t>(target));
    link_.transmit(frame.written(), Checksum::complete);
}

void Sender::ipv4(const Peer& to, Protocol protocol, Bytes payload, std::size_t sum_at)
{
    if (payload.size() > payload_limit || sum_at + 2 > payload.size())
        return;
    std::byte room[frame_limit];
    Writer frame{room};
    ethernet(frame, to.mac, EtherType::ipv4);
    frame.byte(4 << 4 | ipv4_bytes / 4);
    frame.byte(0);
    frame.word(static_cast<std::uint16_t>(ipv4_bytes + payload.size()));
    frame.word(0);  // an identification is for fragments
    frame.word(flag_dont_fragment);
    frame.byte(time_to_live);
    frame.byte(static_cast<std::uint8_t>(protocol));
    frame.word(0);
    frame.quad(static_cast<std::uint32_t>(address_));
    frame.quad(static_cast<std::uint32_t>(to.address));
    const auto header = frame.written().subspan(ethernet_bytes);
    put_word(header, 10, field_of(sum_of(header)));
    frame.put(payload);

    const auto carried = frame.written().subspan(ethernet_bytes + ipv4_bytes);
    const bool pseudo = has_pseudo_header(protocol);
    const auto start = pseudo ? pseudo_sum(address_, to.address, protocol, carried.size()) : std::uint16_t{0};
    const bool blank = pseudo && offload_ == Offload::yes;
    put_word(carried, sum_at, blank ? start : field_of(sum_of(carried, start)));
    link_.transmit(frame.written(), blank ? Checksum::blank : Checksum::complete);
}

void Sender::udp(const Peer& to, std::uint16_t from_port, std::uint16_t to_port, Bytes payload)
{
    std::byte room[payload_limit];
    Writer datagram{room};
    datagram.word(from_port);
    datagram.word(to_port);
    datagram.word(static_cast<std::uint16_t>(udp_bytes + payload.size()));
    datagram.word(0);
    datagram.put(payload);
    if (datagram.ok())
        ipv4(to, Protocol::udp, datagram.written(), udp_sum_at);
}

}  // namespace rf::responder
