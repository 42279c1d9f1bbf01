// SPDX-License-Identifier: MIT
#pragma once
/// A local socket client of the store as a Peer. Reading and writing happen inside the turn, without blocking; the event
/// loop is only asked to report when the socket is ready again.

#include <functional>
#include <memory>

#include <boost/asio/local/stream_protocol.hpp>

#include "rpc/peer.hpp"

namespace rf::rpc {

class LocalPeer final : public Peer, public std::enable_shared_from_this<LocalPeer> {
public:
    using Socket = boost::asio::local::stream_protocol::socket;
    using Wake = std::function<void(store::ConnectionId)>;

    /// `wake` is called when the peer wants a turn.
    LocalPeer(Socket socket, store::ConnectionId connection, Wake wake);

    Work take_requests(store::Server& server, unsigned budget) override;
    Work send_replies(store::Server& server) override;

private:
    enum class Wait { none, waiting };
    void wait_for(Socket::wait_type type, Wait LocalPeer::*flag);
    /// Gets more bytes into the assembler; idle when there are none now.
    [[nodiscard]] Work receive();

    Socket socket_;
    Wake wake_;
    store::Assembler assembler_;
    Wait reading_ = Wait::none;
    bool drained_ = false;  ///< the last read found less than it had room for
    Wait writing_ = Wait::none;
};

}  // namespace rf::rpc
