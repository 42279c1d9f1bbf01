// SPDX-License-Identifier: MIT
#pragma once
/// The host's end of a card: it expects whole packets with headers that bear out what is said of them.

#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "net/tap.hpp"

namespace rf::test {

class WatchedPort : public net::PacketPort {
public:
    unsigned packets = 0, large = 0;

    void read(std::span<net::Transfer> transfers, net::ExpectedPackets) override { transfers[0].result = -EAGAIN; }
    void write(std::span<net::Transfer> transfers) override
    {
        for (net::Transfer& transfer : transfers) {
            net::TapHeader header;
            std::memcpy(&header, transfer.framed.data(), sizeof header);
            look_at(header, transfer.framed.subspan(sizeof header));
            transfer.result = static_cast<long>(transfer.framed.size());
        }
    }
    int descriptor() const override { return -1; }

private:
    void look_at(const net::TapHeader& header, std::span<const std::byte> packet)
    {
        ++packets;
        EXPECT_GE(packet.size(), 14u);
        EXPECT_LE(packet.size(), 65535u);
        if (header.flags == net::tap_needs_checksum) {
            EXPECT_LE(std::size_t{header.csum_start} + header.csum_offset + 2, packet.size());
        }
        if (header.gso_type != net::tap_gso_none) {
            ++large;
            EXPECT_EQ(header.flags, net::tap_needs_checksum);
            EXPECT_GT(header.gso_size, 0u);
            EXPECT_LE(header.hdr_len, packet.size());
        }
    }
};

}  // namespace rf::test
