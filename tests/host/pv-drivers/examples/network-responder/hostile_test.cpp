// SPDX-License-Identifier: MIT
// Story: a hostile network sends random bytes, damaged packets and endless variations of valid ones. Nothing is read outside a
// frame (the sanitizers watch), everything that leaves is well-formed, answers are bounded, and afterwards the page is served.
#include "wire_side.hpp"

#include <random>

namespace {

using namespace rf::test;
using namespace rf::responder;

class Hostile {
public:
    explicit Hostile(unsigned seed) : random_(seed) {}

    Octets frame()
    {
        switch (random_() % 8) {
        case 0: return noise(random_() % 1600);
        case 1: return to_guest(noise(random_() % 200));
        case 2: return mutated(to_guest(ipv4(peer_ip, guest_ip, 1, echo_request(noise(random_() % 100)))));
        case 3: return mutated(ethernet(broadcast_mac, peer_mac, 0x0806, arp(1, peer_mac, peer_ip, guest_ip)));
        case 4: return mutated(to_guest(ipv4(peer_ip, guest_ip, 6, tcp(segment()))));
        case 5: return to_guest(ipv4(peer_ip, guest_ip, 6, tcp(segment())));
        case 6: return to_guest(ipv4(peer_ip, guest_ip, static_cast<unsigned>(random_() % 20), noise(random_() % 64)));
        default: return mutated(ethernet(broadcast_mac, peer_mac, 0x0800, ipv4(0x0a0900fe, 0xffffffff, 17, udp(67, 68, lease(), 0x0a0900fe, 0xffffffff))));
        }
    }
    unsigned number() { return static_cast<unsigned>(random_()); }

    std::uint32_t guest_sequence = 0;
    std::uint32_t transaction = 0;

private:
    Octets noise(std::size_t size)
    {
        Octets bytes(size);
        for (auto& byte : bytes)
            byte = static_cast<std::uint8_t>(random_());
        return bytes;
    }
    /// Some bytes changed, or an end cut off or added.
    Octets mutated(Octets frame)
    {
        for (unsigned change = random_() % 4; change > 0 && !frame.empty(); --change)
            frame[random_() % frame.size()] = static_cast<std::uint8_t>(random_());
        if (random_() % 4 == 0)
            frame.resize(random_() % (frame.size() + 20));
        return frame;
    }
    /// Near the windows of connections that exist.
    TcpFields segment()
    {
        TcpFields fields;
        fields.from_port = 1 + random_() % 40;
        fields.to_port = random_() % 8 ? 80 : static_cast<unsigned>(random_() % 65536);
        fields.sequence = 1000 + static_cast<std::uint32_t>(random_() % 64) - 8;
        fields.acknowledgment = guest_sequence + static_cast<std::uint32_t>(random_() % 1200) - 20;
        fields.flags = random_() % 3 ? (random_() % 2 ? 16u : 2u) : static_cast<unsigned>(random_() % 64);
        fields.window = random_() % 3 ? 4096 : static_cast<unsigned>(random_() % 65536);
        fields.options = noise(random_() % 11 * 4);
        static const std::string pieces[] = {"", "GET / HTTP/1.0\r\n\r\n", "GET /", "\r\n\r\n", "\n", std::string(1400, 'x')};
        fields.data = pieces[random_() % std::size(pieces)];
        return fields;
    }
    Octets lease()
    {
        Octets message = {2, 1, 6, 0};
        put32(message, transaction);
        append(message, Octets(8));
        put32(message, guest_ip);
        append(message, Octets(8));
        append(message, guest_mac);
        message.resize(236);
        put32(message, 0x63825363);
        append(message, Octets{53, 1, static_cast<std::uint8_t>(random_() % 8), 54, 4, 10, 9, 0, 254, 51, 4, 0, 0, 1, 0, 1, 4, 255, 255, 255, 0});
        append(message, noise(random_() % 40));
        return message;
    }

    std::mt19937 random_;
};

void attack(Host& host, Hostile& hostile, unsigned frames)
{
    for (unsigned i = 0; i < frames; ++i) {
        const auto frame = hostile.frame();
        host.input(frame, hostile.number() % 4 ? Checksum::complete : Checksum::known_good);
        ASSERT_LE(host.wire.sent.size(), 20u) << "one frame, one answer, at most a page in the smallest segments";
        std::size_t bytes = 0;
        for (const auto& sent : host.wire.sent) {
            bytes += sent.frame.size();
            if (sent.frame[23] == 6 && get16(sent.frame, 12) == 0x0800)
                hostile.guest_sequence = tcp_in(sent.frame).sequence;
            if (sent.frame[23] == 17 && sent.frame.size() > 50)
                hostile.transaction = get32(sent.frame, 46);
        }
        ASSERT_LE(bytes, frame.size() + 2500);
        host.wire.sent.clear();
        ASSERT_LE(host.responder.listener().connections(), Listener::connection_limit);
        host.now += hostile.number() % (20 * milliseconds);
        if (hostile.number() % 16 == 0)
            host.pass(hostile.number() % seconds);
        host.wire.sent.clear();
    }
}

/// The page, fetched by hand by a peer that nobody imitated.
void expect_page(Host& host)
{
    host.pass(30 * seconds);
    host.wire.sent.clear();
    host.input(TcpFields{.from_port = 50000, .sequence = 1, .flags = 2});
    const auto answer = tcp_in(host.wire.take());
    ASSERT_EQ(answer.flags, 18u);
    host.input(TcpFields{.from_port = 50000, .sequence = 2, .acknowledgment = answer.sequence + 1, .flags = 16, .data = "GET / HTTP/1.0\r\n\r\n"});
    EXPECT_NE(tcp_in(host.wire.take()).data.find("200 OK"), std::string::npos);
}

TEST(HostileNetwork, WithAFixedAddress)
{
    for (unsigned seed = 0; seed < 20; ++seed) {
        Host host;
        Hostile hostile(seed);
        attack(host, hostile, 4000);
        expect_page(host);
    }
}

TEST(HostileNetwork, WhileLeasing)
{
    for (unsigned seed = 100; seed < 120; ++seed) {
        Host host;
        host.responder.lease();
        host.responder.link_up(host.now);
        Hostile hostile(seed);
        attack(host, hostile, 4000);
        host.pass(10 * seconds);
    }
}

}  // namespace
