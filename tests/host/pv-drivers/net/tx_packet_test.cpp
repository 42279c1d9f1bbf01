// SPDX-License-Identifier: MIT
// Story: a guest writes whatever it likes into its transmit ring.
//
// The shapes that real frontends send are understood. Each malformed shape known from the record of network backends is told
// apart: what costs one packet, and what costs the card. No random ring ever yields a fragment that leaves its page.
#include <random>

#include <gtest/gtest.h>

#include "net/slots.hpp"

namespace rf {
namespace {

using namespace rf::net;
using namespace rf::test;

TxFate fate(const std::vector<TxSlot>& slots)
{
    TxPacket packet;
    return parse_packet(slots, packet).fate;
}

TEST(TxPacket, UnderstandsOneSlot)
{
    TxPacket packet;
    ASSERT_EQ(parse_packet(std::vector{piece(9, 100, blank, 5, 60)}, packet).fate, TxFate::send);
    EXPECT_EQ(packet.bytes, 60u);
    EXPECT_EQ(packet.slots, 1u);
    EXPECT_EQ(packet.fragment_count, 1u);
    EXPECT_EQ(packet.fragments[0].page, xen::GrantRef(9));
    EXPECT_EQ(packet.fragments[0].offset, 100);
    EXPECT_TRUE(packet.checksum_blank);
}

TEST(TxPacket, UnderstandsPiecesAndSegmentation)
{
    const std::vector slots = {piece(1, 96, with_extra | more | blank, 0, 9000), gso(1, 1448), piece(2, 0, more, 1, 4096),
                               piece(3, 0, 0, 2, 4000), piece(4, 0, 0, 3, 60)};
    TxPacket packet;
    ASSERT_EQ(parse_packet(slots, packet).fate, TxFate::send);
    EXPECT_EQ(packet.slots, 4u) << "the fifth slot is another packet";
    EXPECT_EQ(packet.extra_slots, 1u);
    ASSERT_EQ(packet.fragment_count, 3u);
    EXPECT_EQ(packet.fragments[0].bytes, 904) << "what the other pieces leave";
    EXPECT_EQ(packet.segmentation, Segmentation::tcp_v4);
    EXPECT_EQ(packet.segment_bytes, 1448);
}

TEST(TxPacket, SkipsExtraInformationItKnows)
{
    const std::vector slots = {piece(1, 0, with_extra, 0, 60), extra(4, 1), gso(2, 1000)};
    TxPacket packet;
    ASSERT_EQ(parse_packet(slots, packet).fate, TxFate::send);
    EXPECT_EQ(packet.extra_slots, 2u);
    EXPECT_EQ(packet.segmentation, Segmentation::tcp_v6);
}

TEST(TxPacket, BadPacketsAreDroppedWithAllTheirSlots)
{
    TxPacket packet;
    EXPECT_EQ(fate({piece(1, 0, 0, 0, 13)}), TxFate::drop) << "no Ethernet header";
    EXPECT_EQ(fate({piece(1, 0, 0, 0, 0)}), TxFate::drop);
    EXPECT_EQ(fate({piece(1, 0, more, 0, 100), piece(2, 0, 0, 1, 100)}), TxFate::drop) << "nothing left for the first piece";
    const std::vector empty_piece = {piece(1, 0, more, 0, 100), piece(2, 0, more, 1, 0), piece(3, 0, 0, 2, 40)};
    EXPECT_EQ(parse_packet(empty_piece, packet).fate, TxFate::drop);
    EXPECT_EQ(packet.slots, 3u);
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 60), extra(2)}), TxFate::drop) << "multicast control is not offered";
    std::vector<TxSlot> nineteen = {piece(1, 0, more, 0, 1900)};
    for (unsigned i = 1; i < 19; ++i)
        nineteen.push_back(piece(1 + i, 0, i < 18 ? more : 0, i, 100));
    EXPECT_EQ(parse_packet(nineteen, packet).fate, TxFate::drop);
    EXPECT_EQ(packet.slots, 19u);
    nineteen.erase(nineteen.begin() + 1);
    EXPECT_EQ(parse_packet(nineteen, packet).fate, TxFate::send) << "eighteen are accepted";
}

TEST(TxPacket, BrokenProtocolIsFatal)
{
    EXPECT_EQ(fate({}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 4000, 0, 0, 97)}), TxFate::fatal) << "leaves its page";
    EXPECT_EQ(fate({piece(1, 65535, 0, 0, 65535)}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 0, more, 0, 5000), piece(2, 4090, 0, 1, 100)}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 0, more, 0, 100), piece(2, 0, 0, 1, 101)}), TxFate::fatal) << "a piece larger than the packet";
    EXPECT_EQ(fate({piece(1, 0, more, 0, 100)}), TxFate::fatal) << "no end";
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 100)}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 100), gso(1, 1448, 1)}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 100), gso(1, 0)}), TxFate::fatal) << "segments of no bytes";
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 100), gso(3, 1448)}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 100), extra(0)}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 100), extra(5)}), TxFate::fatal);
    EXPECT_EQ(fate({piece(1, 0, with_extra, 0, 100), extra(255)}), TxFate::fatal);
    std::vector<TxSlot> endless(256, extra(4, 1));
    endless[0] = piece(1, 0, with_extra, 0, 100);
    EXPECT_EQ(fate(endless), TxFate::fatal);
    std::vector<TxSlot> many(256, piece(1, 0, more, 0, 1));
    many[0] = piece(1, 0, more, 0, 4000);
    EXPECT_EQ(fate(many), TxFate::fatal) << "more slots than any frontend may use";
}

TEST(TxPacket, RandomRingsYieldOnlySafePackets)
{
    std::mt19937 random(12);
    unsigned sent = 0;
    for (int i = 0; i < 300000; ++i) {
        std::vector<TxSlot> slots(1 + random() % 24);
        for (TxSlot& slot : slots) {
            const bool wild = random() % 8 == 0;
            slot = piece(random(), wild ? random() : random() % 4096, wild ? random() : random() % 16, random(),
                         wild ? random() : random() % 1600);
            if (random() % 6 == 0)
                slot = extra(random() % 6, random() % 2);
        }
        TxPacket packet;
        const auto verdict = parse_packet(slots, packet);
        if (verdict.fate == TxFate::fatal)
            continue;
        ASSERT_GE(packet.slots, 1u);
        ASSERT_LE(packet.slots, slots.size());
        if (verdict.fate == TxFate::drop)
            continue;
        ++sent;
        std::uint32_t sum = 0;
        ASSERT_GE(packet.fragment_count, 1u);
        ASSERT_LE(packet.fragment_count, TxPacket::max_fragments);
        for (std::uint32_t k = 0; k < packet.fragment_count; ++k) {
            ASSERT_GT(packet.fragments[k].bytes, 0);
            ASSERT_LE(packet.fragments[k].offset + packet.fragments[k].bytes, 4096);
            sum += packet.fragments[k].bytes;
        }
        ASSERT_EQ(sum, packet.bytes);
    }
    EXPECT_GT(sent, 1000u);
}

}  // namespace
}  // namespace rf
