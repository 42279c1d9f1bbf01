// SPDX-License-Identifier: MIT
// Story: the guest leases an address from a server that answers, is silent, refuses, talks nonsense, and takes the address back.
#include "wire_side.hpp"

namespace {

using namespace rf::test;
using namespace rf::responder;

constexpr std::uint32_t server_ip = 0x0a0900fe;

struct Asked {
    unsigned type = 0;
    std::uint32_t transaction = 0, source = 0, client = 0, requested = 0, server = 0;
};

/// What the guest asks, after its frame was found to be a proper DHCP broadcast.
Asked asked_in(const Octets& frame)
{
    Asked asked;
    EXPECT_TRUE(std::equal(broadcast_mac.begin(), broadcast_mac.end(), frame.begin()));
    EXPECT_EQ(frame.at(23), 17);
    EXPECT_EQ(get32(frame, 30), 0xffffffffu);
    EXPECT_EQ(get16(frame, 34), 68u);
    EXPECT_EQ(get16(frame, 36), 67u);
    EXPECT_GE(frame.size(), 42u + 300);
    const Octets message(frame.begin() + 42, frame.end());
    EXPECT_EQ(message.at(0), 1);
    EXPECT_TRUE(std::equal(guest_mac.begin(), guest_mac.end(), message.begin() + 28));
    EXPECT_EQ(get32(message, 236), 0x63825363u);
    asked.source = get32(frame, 26);
    asked.transaction = get32(message, 4);
    asked.client = get32(message, 12);
    for (std::size_t at = 240; message.at(at) != 255; at += 2 + message.at(at + 1)) {
        if (message.at(at) == 53)
            asked.type = message.at(at + 2);
        if (message.at(at) == 50)
            asked.requested = get32(message, at + 2);
        if (message.at(at) == 54)
            asked.server = get32(message, at + 2);
    }
    return asked;
}

Octets reply(unsigned type, std::uint32_t transaction, std::uint32_t yours, std::uint32_t lease, std::uint32_t mask = 0xffffff00,
             std::uint32_t server = server_ip)
{
    Octets message = {2, 1, 6, 0};
    put32(message, transaction);
    put32(message, 0);
    put32(message, 0);
    put32(message, yours);
    put32(message, 0);
    put32(message, 0);
    append(message, guest_mac);
    message.resize(236);
    put32(message, 0x63825363);
    append(message, Octets{0, 53, 1, static_cast<std::uint8_t>(type), 54, 4});
    put32(message, server);
    append(message, Octets{51, 4});
    put32(message, lease);
    append(message, Octets{1, 4});
    put32(message, mask);
    append(message, Octets{12, 3, 'a', 'b', 'c', 255});
    return message;
}

class DhcpStory : public testing::Test {
protected:
    DhcpStory() { responder.lease(); }
    void deliver(const Octets& message)
    {
        const auto frame = ethernet(broadcast_mac, peer_mac, 0x0800, ipv4(server_ip, 0xffffffff, 17, udp(67, 68, message, server_ip, 0xffffffff)));
        responder.input(std::as_bytes(std::span{frame}), Checksum::complete, now);
    }
    void pass_to_deadline()
    {
        ASSERT_NE(responder.deadline(), never);
        now = std::max(now, responder.deadline());
        responder.tick(now);
    }
    /// From nothing to a lease of `lease` seconds; returns the transaction.
    std::uint32_t bind(std::uint32_t lease)
    {
        wire.sent.clear();
        responder.link_up(now);
        const auto discover = asked_in(wire.take());
        EXPECT_EQ(discover.type, 1u);
        EXPECT_EQ(discover.source, 0u);
        deliver(reply(2, discover.transaction, guest_ip, lease));
        const auto request = asked_in(wire.take());
        EXPECT_EQ(request.type, 3u);
        EXPECT_EQ(request.requested, guest_ip);
        EXPECT_EQ(request.server, server_ip);
        EXPECT_FALSE(responder.network());
        deliver(reply(5, request.transaction, guest_ip, lease));
        EXPECT_TRUE(responder.network());
        EXPECT_EQ(get16(wire.take(), 12), 0x0806u) << "the neighbours are told";
        return request.transaction;
    }

    Wire wire;
    Responder responder{wire, guest_mac, Sender::Offload::no, 99, 0};
    Time now = seconds;
};

TEST_F(DhcpStory, LeasesRenewsAndLosesAnAddress)
{
    const auto transaction = bind(3600);
    EXPECT_EQ(static_cast<std::uint32_t>(responder.network()->address), guest_ip);
    EXPECT_EQ(responder.network()->prefix_bits, 24u);
    EXPECT_EQ(responder.deadline(), now + 1800 * seconds) << "nothing to do before half of the lease";
    pass_to_deadline();
    auto renewal = asked_in(wire.take());
    EXPECT_EQ(renewal.type, 3u);
    EXPECT_EQ(renewal.client, guest_ip);
    EXPECT_EQ(renewal.source, guest_ip);
    EXPECT_EQ(renewal.requested, 0u);
    deliver(reply(5, transaction, guest_ip, 3600));
    EXPECT_EQ(responder.deadline(), now + 1800 * seconds);
    EXPECT_TRUE(wire.sent.empty());
    // now the server stays silent
    const auto end = now + 3600 * seconds;
    unsigned messages = 0;
    while (now < end) {
        pass_to_deadline();
        for (; !wire.sent.empty(); wire.sent.pop_front())
            ++messages;
    }
    EXPECT_FALSE(responder.network()) << "the lease has ended";
    EXPECT_LT(messages, 40u);
}

TEST_F(DhcpStory, AsksLessAndLessOftenWhileNobodyAnswers)
{
    responder.link_up(now);
    unsigned messages = 0;
    const auto end = now + 600 * seconds;
    while (now < end) {
        const auto asked = asked_in(wire.take());
        EXPECT_EQ(asked.type, 1u);
        ++messages;
        pass_to_deadline();
    }
    EXPECT_GE(messages, 10u);
    EXPECT_LE(messages, 16u);
}

TEST_F(DhcpStory, BeginsAnewWhenRefusedOrLeftAlone)
{
    responder.link_up(now);
    const auto discover = asked_in(wire.take());
    deliver(reply(2, discover.transaction, guest_ip, 3600));
    static_cast<void>(wire.take());
    deliver(reply(6, discover.transaction, 0, 0));
    const auto again = asked_in(wire.take());
    EXPECT_EQ(again.type, 1u);
    EXPECT_NE(again.transaction, discover.transaction);
    deliver(reply(2, again.transaction, guest_ip, 3600));
    for (int request = 0; request < 4; ++request) {
        EXPECT_EQ(asked_in(wire.take()).type, 3u);
        pass_to_deadline();
    }
    EXPECT_EQ(asked_in(wire.take()).type, 1u);
    // a link that comes back asks anew
    bind(3600);
    bind(3600);
}

TEST_F(DhcpStory, TakesOnlyLeasesThatMakeSense)
{
    const auto refused = [&](const Octets& message, const char* why) {
        deliver(message);
        EXPECT_FALSE(responder.network()) << why;
        EXPECT_TRUE(wire.sent.empty()) << why;
        wire.sent.clear();
    };
    responder.link_up(now);
    const auto transaction = asked_in(wire.take()).transaction;
    refused(reply(2, transaction + 1, guest_ip, 3600), "another's offer");
    refused(reply(2, transaction, 0xe0000001, 3600), "a group's address");
    refused(reply(2, transaction, guest_ip, 3600, 0xffffff00, 0), "no server");
    refused(reply(5, transaction, guest_ip, 3600), "an acknowledgment of nothing");
    auto other = reply(2, transaction, guest_ip, 3600);
    other[33] ^= 1;
    refused(other, "another card's");
    const auto whole = reply(2, transaction, guest_ip, 3600);
    for (std::size_t size = 0; size < 246; ++size)
        refused(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), "cut short");
    auto option = whole;
    option[245] = 200;  // an option longer than the message
    refused(option, "an option beyond the end");
    deliver(whole);
    static_cast<void>(wire.take());
    refused(reply(5, transaction, guest_ip + 1, 3600), "another address than offered");
    refused(reply(5, transaction, guest_ip, 3600, 0xffffff00, server_ip + 1), "another server");
    refused(reply(5, transaction, guest_ip, 3600, 0xff00ff00), "a mask with holes");
    refused(reply(5, transaction, guest_ip, 3600, 0), "no mask");
    refused(reply(5, transaction, guest_ip, 9), "too short a lease");
    deliver(reply(5, transaction, guest_ip, 0xffffffff));
    EXPECT_TRUE(responder.network());
    EXPECT_EQ(responder.deadline(), never) << "a lease without end needs no timer";
}

}  // namespace
