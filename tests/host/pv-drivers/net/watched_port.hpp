// SPDX-License-Identifier: MIT
#pragma once
/// The host's end of a card: it expects whole packets with headers that bear out what is said of them.

#include <gtest/gtest.h>

#include "net/tap.hpp"

namespace rf::test {

class WatchedPort : public net::PacketPort {
public:
    unsigned packets = 0, large = 0;

    net::Result<std::size_t> read(net::TapHeader&, std::span<std::byte>) override { return 0; }
    net::Result<void> write(const net::TapHeader& header, std::span<const std::byte> packet) override
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
        return {};
    }
    int descriptor() const override { return -1; }
};

}  // namespace rf::test
