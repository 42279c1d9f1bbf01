// SPDX-License-Identifier: MIT
#include "icmp.hpp"

namespace rf::responder {

namespace {

constexpr std::uint8_t echo_request = 8;
constexpr std::uint8_t echo_reply = 0;
constexpr std::size_t icmp_sum_at = 2;

}  // namespace

void answer_echo(Sender& sender, const Peer& to, const Packet& packet)
{
    Reader reader{packet.payload};
    const auto type = reader.byte();
    const auto code = reader.byte();
    reader.word();  // the sum, verified over everything
    reader.quad();  // identifier and sequence number, given back as they are
    if (!reader.ok() || type != echo_request || code != 0 || sum_of(packet.payload) != 0xffff)
        return;
    std::byte room[payload_limit];
    Writer reply{room};
    reply.byte(echo_reply);
    reply.byte(0);
    reply.word(0);
    reply.put(packet.payload.subspan(reply.size()));
    if (reply.ok())
        sender.ipv4(to, Protocol::icmp, reply.written(), icmp_sum_at);
}

}  // namespace rf::responder
