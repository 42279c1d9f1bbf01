// SPDX-License-Identifier: MIT
#pragma once
/// Packets for tests, made byte by byte.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "net/packet_io.hpp"
#include "net/tap_header.hpp"

namespace rf::test {

using Packet = std::vector<std::byte>;

inline void add(Packet& packet, std::initializer_list<unsigned> bytes)
{
    for (const unsigned byte : bytes)
        packet.push_back(static_cast<std::byte>(byte));
}

inline Packet ethernet(unsigned type)
{
    Packet packet;
    add(packet, {0, 0x16, 0x3e, 0, 0, 1, 0, 0x16, 0x3e, 0, 0, 2, type >> 8, type & 0xff});
    return packet;
}

/// A TCP header without options: ports 1000 and 80.
inline void add_tcp(Packet& packet)
{
    add(packet, {3, 0xe8, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0x20, 0, 0, 0, 0, 0});
}

inline void add_udp(Packet& packet, unsigned payload)
{
    const unsigned length = 8 + payload;
    add(packet, {3, 0xe8, 0, 53, length >> 8, length & 0xff, 0, 0});
}

inline void add_payload(Packet& packet, std::size_t bytes)
{
    for (std::size_t i = 0; i < bytes; ++i)
        packet.push_back(static_cast<std::byte>(i * 7 + 1));
}

/// IPv4 header, 10.0.0.1 to 10.0.0.2, for `bytes` bytes behind it.
inline void add_ip_v4(Packet& packet, unsigned protocol, std::size_t bytes, unsigned fragment = 0)
{
    const auto total = static_cast<unsigned>(20 + bytes);
    add(packet, {0x45, 0, total >> 8 & 0xff, total & 0xff, 0, 1, fragment >> 8, fragment & 0xff, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2});
}

inline void add_ip_v6(Packet& packet, unsigned next, std::size_t bytes)
{
    const auto length = static_cast<unsigned>(bytes);
    add(packet, {0x60, 0, 0, 0, length >> 8 & 0xff, length & 0xff, next, 64});
    for (int address = 1; address <= 2; ++address) {
        add(packet, {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        packet.push_back(static_cast<std::byte>(address));
    }
}

inline Packet tcp_v4(std::size_t payload)
{
    Packet packet = ethernet(0x0800);
    add_ip_v4(packet, 6, 20 + payload);
    add_tcp(packet);
    add_payload(packet, payload);
    return packet;
}

inline Packet tcp_v6(std::size_t payload)
{
    Packet packet = ethernet(0x86dd);
    add_ip_v6(packet, 6, 20 + payload);
    add_tcp(packet);
    add_payload(packet, payload);
    return packet;
}

/// Packets that come to a port, in order.
class IncomingPackets {
public:
    void push_back(net::TapHeader header, Packet bytes) { waiting_.push_back({header, std::move(bytes)}); }
    [[nodiscard]] bool empty() const { return waiting_.empty(); }
    [[nodiscard]] std::size_t size() const { return waiting_.size(); }

    /// As a tap does: one packet for each room, -EAGAIN where none is left.
    void read(std::span<net::Transfer> transfers)
    {
        for (net::Transfer& transfer : transfers) {
            transfer.result = -EAGAIN;
            if (empty())
                continue;
            const Waiting next = std::move(waiting_.front());
            waiting_.pop_front();
            transfer.result = static_cast<long>(sizeof next.header + next.bytes.size());
            ASSERT_LE(static_cast<std::size_t>(transfer.result), transfer.framed.size());
            std::memcpy(transfer.framed.data(), &next.header, sizeof next.header);
            std::ranges::copy(next.bytes, transfer.framed.begin() + sizeof next.header);
        }
    }

private:
    struct Waiting {
        net::TapHeader header;
        Packet bytes;
    };
    std::deque<Waiting> waiting_;
};

}  // namespace rf::test
