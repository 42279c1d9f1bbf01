// SPDX-License-Identifier: MIT
// Story: checksums and segments are left to somebody else, and must still come out right.
//
// Expected sums are computed by a second, plain implementation. Headers that lie, are cut off or never end are refused
// without a read outside the packet (the sanitizers watch).
#include "net/offload.hpp"

#include <random>

#include <linux/if_tun.h>

#include <gtest/gtest.h>

#include "net/headers.hpp"
#include "net/packets.hpp"

namespace rf {
namespace {

using namespace rf::net;
using namespace rf::test;

unsigned byte(const Packet& packet, std::size_t at)
{
    return std::to_integer<unsigned>(packet[at]);
}

/// The transport checksum by the book: pseudo header and everything from `start`, field taken as zero.
unsigned plain_checksum(const Packet& packet, bool v6, std::size_t start, std::size_t field, unsigned protocol)
{
    std::uint64_t sum = protocol + packet.size() - start;
    const std::size_t addresses = v6 ? start - 32 : start - 8;
    for (std::size_t i = addresses; i < start; i += 2)
        sum += byte(packet, i) << 8 | byte(packet, i + 1);
    for (std::size_t i = start; i < packet.size(); ++i)
        if (i != field && i != field + 1)
            sum += (i - start) % 2 == 0 ? byte(packet, i) << 8 : byte(packet, i);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    const unsigned result = ~static_cast<unsigned>(sum) & 0xffff;
    return result == 0 ? 0xffff : result;
}

TxPacket blank_packet(std::size_t bytes)
{
    TxPacket packet;
    packet.bytes = static_cast<std::uint32_t>(bytes);
    packet.checksum_blank = true;
    return packet;
}

TEST(Offload, BlankChecksumsAreCompletedRight)
{
    for (const std::size_t payload : {0u, 1u, 2u, 777u, 1448u, 60000u})
        for (const bool v6 : {false, true}) {
            Packet packet = v6 ? tcp_v6(payload) : tcp_v4(payload);
            const std::size_t start = v6 ? 54 : 34;
            const auto transport = find_transport(packet);
            ASSERT_TRUE(transport);
            EXPECT_EQ(transport->start, start);
            EXPECT_EQ(transport->payload, start + 20);
            set_partial_checksum(packet, *transport);
            const auto header = tap_header(blank_packet(packet.size()), packet);
            ASSERT_TRUE(header);
            EXPECT_EQ(header->flags, tap_needs_checksum);
            ASSERT_TRUE(complete_checksum(packet, header->csum_start, header->csum_offset));
            EXPECT_EQ(byte(packet, start + 16) << 8 | byte(packet, start + 17), plain_checksum(packet, v6, start, start + 16, 6));
        }
}

TEST(Offload, FindsTransportBehindTagsAndExtensionHeaders)
{
    Packet tagged = ethernet(0x88a8);
    add(tagged, {0, 5, 0x81, 0, 0, 6, 0x08, 0});
    add_ip_v4(tagged, 17, 8 + 11);
    add_udp(tagged, 11);
    add_payload(tagged, 11);
    const auto udp = find_transport(tagged);
    ASSERT_TRUE(udp);
    EXPECT_EQ(udp->start, 14 + 8 + 20);
    EXPECT_EQ(udp->checksum_offset, 6);
    Packet extended = ethernet(0x86dd);
    add_ip_v6(extended, 0, 8 + 16 + 20);
    add(extended, {60, 0, 1, 4, 0, 0, 0, 0});
    add(extended, {6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    add_tcp(extended);
    const auto tcp = find_transport(extended);
    ASSERT_TRUE(tcp);
    EXPECT_EQ(tcp->start, 14 + 40 + 24);
}

TEST(Offload, RefusesWhatHasNoTransportHeader)
{
    Packet fragment = ethernet(0x0800);
    add_ip_v4(fragment, 6, 20, 0x2000);
    add_tcp(fragment);
    EXPECT_FALSE(find_transport(fragment));
    Packet offset = ethernet(0x0800);
    add_ip_v4(offset, 6, 20, 10);
    add_tcp(offset);
    EXPECT_FALSE(find_transport(offset));
    Packet other = ethernet(0x0800);
    add_ip_v4(other, 1, 20);
    add_tcp(other);
    EXPECT_FALSE(find_transport(other)) << "ICMP";
    Packet endless = ethernet(0x86dd);
    add_ip_v6(endless, 0, 800);
    for (int i = 0; i < 100; ++i)
        add(endless, {0, 0, 1, 4, 0, 0, 0, 0});
    EXPECT_FALSE(find_transport(endless));
    Packet lying = tcp_v4(0);
    lying[14] = std::byte{0x44};
    EXPECT_FALSE(find_transport(lying)) << "an IPv4 header of 16 bytes";
    lying = tcp_v4(0);
    lying[14 + 20 + 12] = std::byte{0xf0};
    EXPECT_FALSE(find_transport(lying)) << "a TCP header longer than the packet";
    EXPECT_FALSE(tap_header(blank_packet(fragment.size()), fragment));
}

TEST(Offload, SurvivesEveryCutAndRandomBytes)
{
    const Packet whole = tcp_v6(10);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        Packet cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        cut.shrink_to_fit();
        if (length < 74) {
            EXPECT_FALSE(find_transport(cut)) << length;
        }
        (void)is_ip_v6(cut);
    }
    std::mt19937 random(13);
    for (int i = 0; i < 100000; ++i) {
        Packet packet = random() % 2 == 0 ? tcp_v4(random() % 40) : tcp_v6(random() % 40);
        for (int k = 0; k < 4; ++k)
            packet[random() % std::min<std::size_t>(packet.size(), 60)] = static_cast<std::byte>(random());
        packet.resize(random() % packet.size() + 1);
        packet.shrink_to_fit();
        if (const auto transport = find_transport(packet)) {
            ASSERT_LE(transport->payload, packet.size());
            ASSERT_LE(std::size_t{transport->start} + transport->checksum_offset + 2, packet.size());
            set_partial_checksum(packet, *transport);
        }
        (void)complete_checksum(packet, random() % 100, random() % 100);
    }
}

TEST(Offload, SegmentationNeedsThePacketToBeWhatItSays)
{
    Packet packet = tcp_v4(4000);
    TxPacket large = blank_packet(packet.size());
    large.segmentation = Segmentation::tcp_v4;
    large.segment_bytes = 1448;
    const auto header = tap_header(large, packet);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->gso_type, tap_gso_tcp_v4);
    EXPECT_EQ(header->gso_size, 1448);
    EXPECT_EQ(header->hdr_len, 54);
    large.segmentation = Segmentation::tcp_v6;
    EXPECT_FALSE(tap_header(large, packet));
    // A full checksum instead of a blank one: the pieces need a partial one.
    large.segmentation = Segmentation::tcp_v4;
    large.checksum_blank = false;
    packet[34 + 16] = packet[34 + 17] = std::byte{0xab};
    ASSERT_TRUE(tap_header(large, packet));
    Packet partial = tcp_v4(4000);
    set_partial_checksum(partial, *find_transport(partial));
    EXPECT_EQ(packet[34 + 16], partial[34 + 16]);
    EXPECT_EQ(packet[34 + 17], partial[34 + 17]);
}

TEST(Offload, TapIsAskedForNoMoreThanTheFrontendTakes)
{
    EXPECT_EQ(tap_offloads({}), unsigned{TUN_F_CSUM});
    EXPECT_EQ(tap_offloads({.checksum_v4 = false, .segmentation_v4 = true}), 0u);
    EXPECT_EQ(tap_offloads({.segmentation_v4 = true}), unsigned{TUN_F_CSUM}) << "no scatter-gather";
    const FrontFeatures all{true, true, true, true, true};
    EXPECT_EQ(tap_offloads(all), unsigned{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN});
    EXPECT_EQ(largest_packet_slots({}, 1500), 1u);
    EXPECT_EQ(largest_packet_slots({.scatter_gather = true}, 9000), 3u);
    EXPECT_EQ(largest_packet_slots(all, 1500), 18u);
}

TEST(Offload, ReceivedPacketsAreToldAsTheFrontendCanTakeThem)
{
    const FrontFeatures all{true, true, true, true, true};
    Packet packet = tcp_v4(5000);
    TapHeader header;
    auto plan = plan_receive(header, packet, all);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->slots(), 2u);
    EXPECT_EQ(plan->flags, 0);
    header.flags = tap_needs_checksum;
    header.csum_start = 34;
    header.csum_offset = 16;
    header.gso_type = tap_gso_tcp_v4 | tap_gso_ecn;
    header.gso_size = 1448;
    plan = plan_receive(header, packet, all);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->slots(), 3u);
    EXPECT_EQ(plan->flags, ::xen::NETRXF_csum_blank | ::xen::NETRXF_data_validated);
    EXPECT_EQ(plan->segment_bytes, 1448);
    FrontFeatures plain;
    EXPECT_FALSE(plan_receive(header, packet, plain)) << "too large, and segmented";
    header.gso_type = 3;
    EXPECT_FALSE(plan_receive(header, packet, all)) << "UDP segmentation";
    EXPECT_FALSE(plan_receive({}, {}, all));
}

TEST(Offload, ChecksumIsComputedForAFrontendThatCannot)
{
    Packet packet = tcp_v6(100);
    set_partial_checksum(packet, *find_transport(packet));
    TapHeader header;
    header.flags = tap_needs_checksum;
    header.csum_start = 54;
    header.csum_offset = 16;
    const auto plan = plan_receive(header, packet, {.checksum_v6 = false});
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->flags, ::xen::NETRXF_data_validated);
    EXPECT_EQ(byte(packet, 70) << 8 | byte(packet, 71), plain_checksum(packet, true, 54, 70, 6));
    header.csum_start = 200;
    EXPECT_FALSE(plan_receive(header, packet, {.checksum_v6 = false}));
}

}  // namespace
}  // namespace rf
