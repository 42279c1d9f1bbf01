// SPDX-License-Identifier: MIT
#pragma once
/// The web server's port and its table of connections. Pure.
///
/// Invariants
/// - At most connection_limit connections. When all are taken a SYN takes the place of the oldest one that is only waiting for
///   time to pass, else of the oldest half-open one, else it is ignored: a flood of SYNs costs no established connection.
/// - Every arriving segment causes at most what one answer needs, and segments to nowhere one reset; resets cause none.

#include "connection.hpp"

namespace rf::responder {

class Listener {
public:
    /// `secret` makes initial sequence numbers hard to guess.
    Listener(Sender& sender, std::uint64_t secret, Time now) : server_{sender, 0, now}, secret_(secret) {}

    void input(const Peer& from, const Segment& segment, Time now);
    void tick(Time now);
    [[nodiscard]] Time deadline() const;
    /// Forgets every connection; for when the own address changes.
    void reset();

    [[nodiscard]] std::uint64_t answers() const { return server_.answers; }
    /// Connections that are not closed.
    [[nodiscard]] std::size_t connections() const;

    static constexpr std::size_t connection_limit = 16;
    static constexpr std::uint16_t port = 80;

private:
    [[nodiscard]] Connection* place_for_new();
    [[nodiscard]] Connection* oldest(Connection::State state);
    [[nodiscard]] Sequence initial_sequence(const Peer& peer, const Segment& syn, Time now) const;
    void reset_peer(const Peer& to, const Segment& segment);

    Server server_;
    std::uint64_t secret_;
    std::array<Connection, connection_limit> connections_;
};

}  // namespace rf::responder
