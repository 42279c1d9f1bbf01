// SPDX-License-Identifier: MIT
#pragma once
/// The other end of the wire: composes frames and takes apart what the responder sends, with code of its own, so that both ends
/// cannot be wrong in the same way. Every frame that leaves the responder is checked to be well-formed.

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "responder.hpp"

namespace rf::test {

using Octets = std::vector<std::uint8_t>;

inline constexpr responder::Mac guest_mac = {0x00, 0x16, 0x3e, 0, 0, 1};
inline constexpr responder::Mac peer_mac = {0x00, 0x16, 0x3e, 0, 0, 2};
inline constexpr std::uint32_t guest_ip = 0x0a090007;
inline constexpr std::uint32_t peer_ip = 0x0a090001;

inline void put16(Octets& to, unsigned value)
{
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(Octets& to, std::uint32_t value)
{
    put16(to, value >> 16);
    put16(to, value & 0xffff);
}
inline void append(Octets& to, const auto& from)
{
    to.insert(to.end(), std::begin(from), std::end(from));
}
inline unsigned get16(const Octets& from, std::size_t at)
{
    return static_cast<unsigned>(from.at(at) << 8 | from.at(at + 1));
}
inline std::uint32_t get32(const Octets& from, std::size_t at)
{
    return static_cast<std::uint32_t>(get16(from, at)) << 16 | get16(from, at + 2);
}

/// The internet checksum's sum over bytes [begin, end).
inline unsigned ones_sum(const Octets& bytes, std::size_t begin, std::size_t end, unsigned sum = 0)
{
    for (std::size_t i = begin; i < end; ++i) {
        sum += (i - begin) % 2 == 0 ? static_cast<unsigned>(bytes.at(i)) * 256 : bytes.at(i);
        sum = sum % 65536 + sum / 65536;
    }
    return sum;
}

inline unsigned pseudo(std::uint32_t from, std::uint32_t to, unsigned protocol, std::size_t bytes)
{
    Octets header;
    put32(header, from);
    put32(header, to);
    put16(header, protocol);
    put16(header, static_cast<unsigned>(bytes));
    return ones_sum(header, 0, header.size());
}

inline Octets ethernet(const responder::Mac& to, const responder::Mac& from, unsigned type, const Octets& payload)
{
    Octets frame;
    append(frame, to);
    append(frame, from);
    put16(frame, type);
    append(frame, payload);
    return frame;
}

inline Octets arp(unsigned kind, const responder::Mac& sender_mac, std::uint32_t sender, std::uint32_t target)
{
    Octets packet;
    for (const unsigned word : {1u, 0x0800u, 0x0604u, kind})
        put16(packet, word);
    append(packet, sender_mac);
    put32(packet, sender);
    append(packet, responder::Mac{});
    put32(packet, target);
    return packet;
}

inline Octets ipv4(std::uint32_t from, std::uint32_t to, unsigned protocol, const Octets& payload, unsigned fragment = 0)
{
    Octets packet;
    put16(packet, 0x4500);
    put16(packet, static_cast<unsigned>(20 + payload.size()));
    put16(packet, 0x1234);
    put16(packet, fragment);
    put16(packet, 64 * 256 + protocol);
    put16(packet, 0);
    put32(packet, from);
    put32(packet, to);
    const unsigned sum = ~ones_sum(packet, 0, 20) & 0xffff;
    packet[10] = static_cast<std::uint8_t>(sum >> 8);
    packet[11] = static_cast<std::uint8_t>(sum);
    append(packet, payload);
    return packet;
}

inline Octets with_sum(Octets transport, std::size_t at, unsigned start)
{
    const unsigned sum = ~ones_sum(transport, 0, transport.size(), start) & 0xffff;
    transport.at(at) = static_cast<std::uint8_t>(sum >> 8);
    transport.at(at + 1) = static_cast<std::uint8_t>(sum);
    return transport;
}

inline Octets echo_request(const Octets& data)
{
    Octets message = {8, 0, 0, 0, 0x12, 0x34, 0, 1};
    append(message, data);
    return with_sum(message, 2, 0);
}

struct TcpFields {
    unsigned from_port = 40000, to_port = 80;
    std::uint32_t sequence = 0, acknowledgment = 0;
    unsigned flags = 0, window = 8192;
    Octets options = {};
    std::string data = {};
};

inline Octets tcp(const TcpFields& fields, std::uint32_t from = peer_ip, std::uint32_t to = guest_ip)
{
    Octets segment;
    put16(segment, fields.from_port);
    put16(segment, fields.to_port);
    put32(segment, fields.sequence);
    put32(segment, fields.acknowledgment);
    put16(segment, static_cast<unsigned>((20 + fields.options.size()) / 4 << 12 | fields.flags));
    put16(segment, fields.window);
    put32(segment, 0);
    append(segment, fields.options);
    append(segment, fields.data);
    return with_sum(segment, 16, pseudo(from, to, 6, segment.size()));
}

inline Octets udp(unsigned from_port, unsigned to_port, const Octets& data, std::uint32_t from, std::uint32_t to)
{
    Octets datagram;
    put16(datagram, from_port);
    put16(datagram, to_port);
    put16(datagram, static_cast<unsigned>(8 + data.size()));
    put16(datagram, 0);
    append(datagram, data);
    return with_sum(datagram, 6, pseudo(from, to, 17, datagram.size()));
}

inline Octets to_guest(const Octets& packet, const responder::Mac& from = peer_mac)
{
    return ethernet(guest_mac, from, 0x0800, packet);
}

/// Takes the responder's frames, checks them, and keeps them.
class Wire final : public responder::Link {
public:
    struct Sent {
        Octets frame;
        responder::Checksum checksum;
    };

    void transmit(responder::Bytes frame, responder::Checksum checksum) override
    {
        Octets octets(frame.size());
        std::memcpy(octets.data(), frame.data(), frame.size());
        check(octets, checksum);
        sent.push_back({octets, checksum});
    }

    /// The oldest frame not yet taken; fails the test if there is none.
    Octets take()
    {
        if (sent.empty()) {
            ADD_FAILURE() << "nothing was sent";
            return Octets(60);
        }
        auto frame = std::move(sent.front().frame);
        sent.pop_front();
        return frame;
    }

    std::deque<Sent> sent;

private:
    static void check(const Octets& frame, responder::Checksum checksum)
    {
        ASSERT_GE(frame.size(), 14u);
        ASSERT_LE(frame.size(), 1514u);
        ASSERT_TRUE(std::equal(guest_mac.begin(), guest_mac.end(), frame.begin() + 6));
        ASSERT_FALSE(std::equal(guest_mac.begin(), guest_mac.end(), frame.begin())) << "a frame to itself";
        if (get16(frame, 12) == 0x0806) {
            ASSERT_EQ(frame.size(), 42u);
            return;
        }
        ASSERT_EQ(get16(frame, 12), 0x0800u);
        ASSERT_GE(frame.size(), 34u);
        ASSERT_EQ(frame[14], 0x45);
        ASSERT_EQ(get16(frame, 16), frame.size() - 14);
        ASSERT_EQ(ones_sum(frame, 14, 34), 0xffffu);
        const unsigned protocol = frame[23];
        const unsigned start = protocol == 1 ? 0 : pseudo(get32(frame, 26), get32(frame, 30), protocol, frame.size() - 34);
        if (checksum == responder::Checksum::blank) {
            ASSERT_NE(protocol, 1u);
            ASSERT_EQ(get16(frame, protocol == 6 ? 50 : 40), start) << "a blank checksum holds the pseudo header's sum";
        } else {
            ASSERT_EQ(ones_sum(frame, 34, frame.size(), start), 0xffffu);
        }
    }
};

/// The fields of a TCP segment in a frame.
inline TcpFields tcp_in(const Octets& frame)
{
    TcpFields fields;
    if (frame.size() < 54 || frame.at(23) != 6) {
        ADD_FAILURE() << "not a TCP segment";
        return fields;
    }
    fields.from_port = get16(frame, 34);
    fields.to_port = get16(frame, 36);
    fields.sequence = get32(frame, 38);
    fields.acknowledgment = get32(frame, 42);
    fields.flags = get16(frame, 46) & 0xff;
    fields.window = get16(frame, 48);
    const std::size_t header = (get16(frame, 46) >> 12) * 4u;
    fields.options.assign(frame.begin() + 54, frame.begin() + static_cast<std::ptrdiff_t>(34 + header));
    fields.data.assign(frame.begin() + static_cast<std::ptrdiff_t>(34 + header), frame.end());
    return fields;
}

/// A responder with an address on such a wire, and its time.
struct Host {
    explicit Host(responder::Sender::Offload offload = responder::Sender::Offload::no) : responder(wire, guest_mac, offload, 42, 0)
    {
        responder.use({responder::Ipv4{guest_ip}, 24});
    }
    void input(const Octets& frame, responder::Checksum checksum = responder::Checksum::complete)
    {
        // exactly as long as the frame, so that the sanitizer sees every step beyond it
        const std::vector<std::uint8_t> exact(frame);
        responder.input(std::as_bytes(std::span{exact}), checksum, now);
    }
    void input(const TcpFields& fields) { input(to_guest(ipv4(peer_ip, guest_ip, 6, tcp(fields)))); }
    /// Lets time pass, ticking when the responder asks for it.
    void pass(responder::Time period)
    {
        const auto end = now + period;
        while (responder.deadline() <= end) {
            now = std::max(now, responder.deadline());
            responder.tick(now);
        }
        now = end;
    }

    Wire wire;
    responder::Responder responder;
    responder::Time now = 1'000'000'000;
};

}  // namespace rf::test
