// SPDX-License-Identifier: MIT
#include "responder.hpp"

#include <algorithm>

#include "icmp.hpp"

namespace rf::responder {

void Responder::use(const Network& network)
{
    network_ = network;
    sender_.set_address(network.address);
}

void Responder::link_up(Time now)
{
    if (leases_) {
        dhcp_.begin(now);
        follow_lease();
    } else {
        announce();
    }
}

void Responder::input(Bytes frame, Checksum checksum, Time now)
{
    const auto parsed = parse_ethernet(frame);
    if (!parsed || parsed->from == sender_.mac() || (parsed->to != sender_.mac() && parsed->to != broadcast_mac))
        return;
    if (parsed->type == EtherType::arp)
        arp(*parsed);
    else if (parsed->type == EtherType::ipv4)
        ipv4(*parsed, checksum, now);
}

void Responder::arp(const Ethernet& frame)
{
    const auto request = parse_arp(frame.payload);
    if (!request || !network_ || request->kind != Arp::Kind::request || request->target != network_->address ||
        request->sender_mac == sender_.mac())
        return;
    // a probe for a conflict has no sender address; it is answered like any question
    sender_.arp(Arp::Kind::reply, request->sender_mac, request->sender_mac, request->sender);
}

void Responder::ipv4(const Ethernet& frame, Checksum checksum, Time now)
{
    const auto packet = parse_ipv4(frame.payload);
    if (!packet)
        return;
    if (leases_ && packet->protocol == Protocol::udp) {
        const auto datagram = parse_udp(*packet, checksum);
        if (datagram && datagram->from_port == Dhcp::server_port && datagram->to_port == Dhcp::client_port) {
            dhcp_.input(datagram->payload, now);
            follow_lease();
        }
        return;
    }
    if (!network_ || packet->to != network_->address || frame.to != sender_.mac() || packet->from == network_->address ||
        network_->is_edge(packet->from))
        return;
    const Peer peer{frame.from, packet->from};
    if (packet->protocol == Protocol::icmp) {
        answer_echo(sender_, peer, *packet);
    } else if (packet->protocol == Protocol::tcp) {
        if (const auto segment = parse_segment(*packet, checksum))
            listener_.input(peer, *segment, now);
    }
}

void Responder::tick(Time now)
{
    listener_.tick(now);
    if (dhcp_.deadline() <= now) {
        dhcp_.tick(now);
        follow_lease();
    }
}

Time Responder::deadline() const
{
    return std::min(listener_.deadline(), dhcp_.deadline());
}

void Responder::follow_lease()
{
    const auto leased = dhcp_.lease();
    const bool same = network_.has_value() == leased.has_value() && (!leased || network_->address == leased->address);
    network_ = leased;
    if (same)
        return;
    listener_.reset();
    sender_.set_address(leased ? leased->address : no_address);
    announce();
}

void Responder::announce()
{
    // a question for the own address: neighbours and switches learn where it is
    if (network_)
        sender_.arp(Arp::Kind::request, broadcast_mac, Mac{}, network_->address);
}

}  // namespace rf::responder
