// SPDX-License-Identifier: MIT
#pragma once
/// Frames and packets: what arrives is parsed into values whose lengths are checked, what leaves is composed and summed.
/// Sources: RFC 791, 826, 792, 768. IPv4 only, no fragments, no options of our own. Pure.

#include "addresses.hpp"
#include "wire.hpp"

namespace rf::responder {

/// What is known of a frame's TCP or UDP checksum.
enum class Checksum {
    /// In the frame, unverified.
    complete,
    /// Verified, or not necessary.
    known_good,
    /// Left to whoever carries the frame: the field holds the pseudo header's sum.
    blank
};

inline constexpr std::size_t frame_limit = 1514;
inline constexpr std::size_t ethernet_bytes = 14;
inline constexpr std::size_t ipv4_bytes = 20;
/// Bytes that a composed IPv4 packet can carry.
inline constexpr std::size_t payload_limit = frame_limit - ethernet_bytes - ipv4_bytes;

enum class EtherType : std::uint16_t { ipv4 = 0x0800, arp = 0x0806 };
enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17 };

struct Ethernet {
    Mac to, from;
    EtherType type;
    Bytes payload;
};

/// An ARP packet for IPv4 on Ethernet.
struct Arp {
    enum class Kind : std::uint16_t { request = 1, reply = 2 };
    Kind kind;
    Mac sender_mac;
    Ipv4 sender;
    Mac target_mac;
    Ipv4 target;
};

struct Packet {
    Ipv4 from, to;
    Protocol protocol;
    Bytes payload;
};

struct Datagram {
    std::uint16_t from_port, to_port;
    Bytes payload;
};

/// Who is written to: the address, and the neighbour that the frame goes to (itself or a router).
struct Peer {
    Mac mac{};
    Ipv4 address = no_address;
};

/// Nothing for frames that are too short or from a group address.
[[nodiscard]] std::optional<Ethernet> parse_ethernet(Bytes frame);
[[nodiscard]] std::optional<Arp> parse_arp(Bytes payload);
/// Nothing for wrong versions, lengths or header sums, for fragments, and for packets that no host sent. Padding behind the
/// packet is cut off.
[[nodiscard]] std::optional<Packet> parse_ipv4(Bytes payload);
[[nodiscard]] std::optional<Datagram> parse_udp(const Packet& packet, Checksum checksum);

/// One's-complement sum of big-endian words, folded; an odd last byte counts as a high one. `start` is a sum to go on from.
[[nodiscard]] std::uint16_t sum_of(Bytes bytes, std::uint32_t start = 0);
/// Sum of the pseudo header of TCP and UDP.
[[nodiscard]] std::uint16_t pseudo_sum(Ipv4 from, Ipv4 to, Protocol protocol, std::size_t bytes);
/// Whether the checksum of a TCP or UDP packet is right, or known to be.
[[nodiscard]] bool transport_is_intact(const Packet& packet, Checksum checksum);

/// Where composed frames go.
class Link {
public:
    /// Sends one frame, or loses it, as any link may.
    virtual void transmit(Bytes frame, Checksum checksum) = 0;

protected:
    ~Link() = default;
};

/// Composes frames with our addresses and hands them to the link.
class Sender {
public:
    /// Whether the link fills in TCP and UDP sums.
    enum class Offload { no, yes };

    Sender(Link& link, const Mac& mac, Offload offload) : link_(link), mac_(mac), offload_(offload) {}

    [[nodiscard]] const Mac& mac() const { return mac_; }
    [[nodiscard]] Ipv4 address() const { return address_; }
    void set_address(Ipv4 address) { address_ = address; }

    void arp(Arp::Kind kind, const Mac& to, const Mac& target_mac, Ipv4 target);
    /// Sends `payload`, at most payload_limit bytes. `sum_at` is the offset of the checksum field in it, which holds zero; the
    /// sum is filled in, with a pseudo header for TCP and UDP.
    void ipv4(const Peer& to, Protocol protocol, Bytes payload, std::size_t sum_at);
    /// Sends a UDP datagram.
    void udp(const Peer& to, std::uint16_t from_port, std::uint16_t to_port, Bytes payload);

private:
    void ethernet(Writer& frame, const Mac& to, EtherType type) const;

    Link& link_;
    Mac mac_;
    Offload offload_;
    Ipv4 address_ = no_address;
};

}  // namespace rf::responder
