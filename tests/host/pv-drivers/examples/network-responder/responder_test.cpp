// SPDX-License-Identifier: MIT
// Story: neighbours look for the guest, ping it, and send it what is not for it.
#include "wire_side.hpp"

namespace {

using namespace rf::test;
using rf::responder::Checksum;
using rf::responder::never;
using rf::responder::parse_network;
using rf::responder::prefix_of;

TEST(Addresses, AreReadStrictly)
{
    const auto network = parse_network("10.9.0.7/24");
    ASSERT_TRUE(network);
    EXPECT_EQ(static_cast<std::uint32_t>(network->address), guest_ip);
    EXPECT_EQ(network->mask(), 0xffffff00u);
    EXPECT_TRUE(parse_network("10.0.0.1/32"));
    EXPECT_TRUE(parse_network("10.0.0.1/31"));
    for (const char* bad : {"", "10.9.0.7", "10.9.0.7/", "10.9.0.7/33", "10.9.0.7/0", "10.9.0/24", "10.9.0.256/24", "10.9.0.7/24x", "10.9.0.7.1/24",
                            "10..0.7/24", "a.b.c.d/24", "0.0.0.1/24", "127.0.0.1/8", "224.0.0.1/24", "10.9.0.0/24", "10.9.0.255/24", "-1.0.0.1/24",
                            "10.9.0.7/024 ", "1000.1.1.1/24"})
        EXPECT_FALSE(parse_network(bad)) << bad;
    EXPECT_EQ(prefix_of(0xffffff00), 24u);
    EXPECT_EQ(prefix_of(0xffffffff), 32u);
    EXPECT_EQ(prefix_of(0x80000000), 1u);
    for (const std::uint32_t bad : {0u, 0xff00ff00u, 0x00ffffffu, 0xfffffffdu})
        EXPECT_FALSE(prefix_of(bad)) << bad;
}

TEST(Responder, TellsWhereItsAddressIs)
{
    Host host;
    host.responder.link_up(host.now);
    const auto announcement = host.wire.take();
    EXPECT_EQ(get32(announcement, 28), guest_ip);
    EXPECT_EQ(get32(announcement, 38), guest_ip);
    host.input(ethernet(rf::responder::broadcast_mac, peer_mac, 0x0806, arp(1, peer_mac, peer_ip, guest_ip)));
    const auto reply = host.wire.take();
    EXPECT_TRUE(std::equal(peer_mac.begin(), peer_mac.end(), reply.begin()));
    EXPECT_EQ(get16(reply, 20), 2u);
    EXPECT_EQ(get32(reply, 28), guest_ip);
    EXPECT_EQ(get32(reply, 38), peer_ip);
    EXPECT_EQ(host.responder.deadline(), never) << "nothing is under way";
}

TEST(Responder, IgnoresQuestionsForOthers)
{
    Host host;
    const auto ask = [&](const Octets& payload, const rf::responder::Mac& from = peer_mac) {
        host.input(ethernet(rf::responder::broadcast_mac, from, 0x0806, payload));
        EXPECT_TRUE(host.wire.sent.empty());
    };
    ask(arp(1, peer_mac, peer_ip, guest_ip + 1));
    ask(arp(2, peer_mac, peer_ip, guest_ip));
    ask(arp(1, rf::responder::broadcast_mac, peer_ip, guest_ip));
    ask(arp(1, peer_mac, peer_ip, guest_ip), rf::responder::broadcast_mac);
    ask(arp(1, guest_mac, peer_ip, guest_ip), guest_mac);
    for (std::size_t size = 0; size < 28; ++size) {
        auto cut = arp(1, peer_mac, peer_ip, guest_ip);
        cut.resize(size);
        ask(cut);
    }
}

TEST(Responder, EchoesPingsOfEverySize)
{
    Host host;
    for (const std::size_t size : {0, 1, 17, 56, 1471, 1472}) {
        Octets data(size);
        for (std::size_t i = 0; i < size; ++i)
            data[i] = static_cast<std::uint8_t>(i * 7 + size);
        auto frame = to_guest(ipv4(peer_ip, guest_ip, 1, echo_request(data)));
        if (frame.size() < 60)
            frame.resize(60);  // an Ethernet's padding
        host.input(frame);
        const auto reply = host.wire.take();
        ASSERT_EQ(reply.size(), 42 + size);
        EXPECT_EQ(get16(reply, 34), 0u);
        EXPECT_EQ(get32(reply, 38), 0x12340001u);
        EXPECT_TRUE(std::equal(data.begin(), data.end(), reply.begin() + 42));
        EXPECT_EQ(get32(reply, 30), peer_ip);
    }
}

TEST(Responder, IsSilentToWhatIsWrongOrNotForIt)
{
    Host host;
    const auto message = echo_request({1, 2, 3});
    const auto silent = [&](const Octets& frame, const char* why) {
        host.input(frame);
        EXPECT_TRUE(host.wire.sent.empty()) << why;
        host.wire.sent.clear();
    };
    silent(to_guest(ipv4(peer_ip, guest_ip + 1, 1, message)), "another address");
    silent(to_guest(ipv4(peer_ip, 0x0a0900ff, 1, message)), "the network's broadcast");
    silent(ethernet(rf::responder::broadcast_mac, peer_mac, 0x0800, ipv4(peer_ip, guest_ip, 1, message)), "a broadcast frame");
    silent(ethernet({2, 2, 2, 2, 2, 2}, peer_mac, 0x0800, ipv4(peer_ip, guest_ip, 1, message)), "another host's frame");
    silent(to_guest(ipv4(peer_ip, guest_ip, 1, message, 0x2000)), "a first fragment");
    silent(to_guest(ipv4(peer_ip, guest_ip, 1, message, 0x0010)), "a later fragment");
    for (const std::uint32_t source : {0u, 0x7f000001u, 0xe0000001u, 0xffffffffu, 0x0a0900ffu, 0x0a090000u, guest_ip})
        silent(to_guest(ipv4(source, guest_ip, 1, message)), "a source that is no other host");
    auto damaged = to_guest(ipv4(peer_ip, guest_ip, 1, message));
    damaged.back() ^= 1;
    silent(damaged, "a damaged message");
    auto header = to_guest(ipv4(peer_ip, guest_ip, 1, message));
    header[22] ^= 1;
    silent(header, "a damaged header");
    silent(to_guest(ipv4(peer_ip, guest_ip, 1, {8, 0, 0xf7, 0xff})), "half a message");
    auto longer = ipv4(peer_ip, guest_ip, 1, message);
    longer.resize(longer.size() - 1);
    silent(to_guest(longer), "a packet cut short");
    silent(to_guest(ipv4(peer_ip, guest_ip, 17, udp(53, 53, {1}, peer_ip, guest_ip))), "a closed port");
    silent(ethernet(guest_mac, peer_mac, 0x86dd, Octets(60)), "IPv6");
    Octets reply = {0, 0, 0, 0, 1, 2, 3, 4};
    silent(to_guest(ipv4(peer_ip, guest_ip, 1, with_sum(reply, 2, 0))), "an echo reply");
}

TEST(Responder, LeavesSumsToTheLinkAndBelievesItsOwn)
{
    Host host{rf::responder::Sender::Offload::yes};
    auto frame = to_guest(ipv4(peer_ip, guest_ip, 6, tcp({.sequence = 7, .flags = 2})));
    frame[50] ^= 0x55;
    host.input(frame);
    EXPECT_TRUE(host.wire.sent.empty()) << "the sum is wrong";
    host.input(frame, Checksum::known_good);
    ASSERT_EQ(host.wire.sent.size(), 1u) << "the link vouches for it";
    EXPECT_EQ(host.wire.sent.front().checksum, Checksum::blank);
}

}  // namespace
