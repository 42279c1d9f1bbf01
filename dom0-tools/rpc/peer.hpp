// SPDX-License-Identifier: MIT
#pragma once
/// One client of the store as the turn loop sees it: a domain's ring or a local socket.

#include "store/server.hpp"

namespace rf::rpc {

class Peer {
public:
    virtual ~Peer() = default;

    /// How the work on a peer ended.
    enum class Work {
        idle,     ///< nothing more to do until it reports itself again
        more,     ///< its share of this turn is used up
        blocked,  ///< it must take its replies first
        closed,   ///< it is gone
    };
    /// Feeds at most `budget` requests to the server.
    [[nodiscard]] virtual Work take_requests(store::Server& server, unsigned budget) = 0;
    /// After the journal is safe: lets the peer know what was taken and sends what waits. `more` when requests came in
    /// meanwhile of which nothing else will tell.
    [[nodiscard]] virtual Work send_replies(store::Server& server) = 0;

    [[nodiscard]] store::ConnectionId connection() const { return connection_; }

protected:
    explicit Peer(store::ConnectionId connection) : connection_(connection) {}

private:
    store::ConnectionId connection_;
};

}  // namespace rf::rpc
