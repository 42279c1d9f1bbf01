// SPDX-License-Identifier: MIT
#pragma once
/// A host that answers: ARP, ping, a web page; with an address that was given or leased. Pure: frames in, frames out, and the
/// time is told at each call.
///
/// Answers go back to the neighbour that the question came from, so there is no table of neighbours and no routing. Frames to
/// others, to groups (but for ARP and DHCP) and from nonsense addresses are ignored.
/// Not answered: IPv6, fragments, datagrams to closed UDP ports.

#include "dhcp.hpp"
#include "listener.hpp"

namespace rf::responder {

class Responder {
public:
    Responder(Link& link, const Mac& mac, Sender::Offload offload, std::uint64_t secret, Time now)
        : sender_(link, mac, offload), listener_(sender_, secret, now), dhcp_(sender_, secret)
    {
    }

    /// Takes a fixed address.
    void use(const Network& network);
    /// Leases one whenever the link comes up.
    void lease() { leases_ = true; }

    /// The link can carry frames, perhaps anew: tells the neighbours who has the address, or begins to lease one.
    void link_up(Time now);
    void input(Bytes frame, Checksum checksum, Time now);
    void tick(Time now);
    /// When `tick` has something to do; `never` while nothing is under way.
    [[nodiscard]] Time deadline() const;

    [[nodiscard]] std::optional<Network> network() const { return network_; }
    [[nodiscard]] const Listener& listener() const { return listener_; }

private:
    void arp(const Ethernet& frame);
    void ipv4(const Ethernet& frame, Checksum checksum, Time now);
    /// Takes over what the lease has become.
    void follow_lease();
    void announce();

    Sender sender_;
    Listener listener_;
    Dhcp dhcp_;
    bool leases_ = false;
    std::optional<Network> network_;
};

}  // namespace rf::responder
