// SPDX-License-Identifier: MIT
#pragma once
/// A local socket client of the store as a Peer. Reading and writing happen inside the turn, without blocking; the loop is
/// told only when what it shall report changes, which for a client that takes its replies is never.

#include <memory>

#include "rpc/peer.hpp"
#include "rpc/ready_loop.hpp"
#include "xen/descriptor.hpp"

namespace rf::rpc {

class LocalPeer final : public Peer {
public:
    /// A connected, non-blocking socket; `ready` is called when it can be read or written. The loop outlives the peer.
    [[nodiscard]] static xen::Result<std::shared_ptr<LocalPeer>> create(xen::Descriptor socket, store::ConnectionId connection,
                                                                        ReadyLoop& loop, ReadyLoop::Handler ready);
    LocalPeer(xen::Descriptor socket, store::ConnectionId connection, ReadyLoop& loop)
        : Peer(connection), socket_(std::move(socket)), loop_(loop) {}
    LocalPeer(const LocalPeer&) = delete;
    LocalPeer& operator=(const LocalPeer&) = delete;
    ~LocalPeer() override { loop_.forget(socket_.number()); }

    Work take_requests(store::Server& server, unsigned budget) override;
    Work send_replies(store::Server& server) override;

private:
    /// What came of one look at the socket.
    enum class Read { some, all, none, closed };
    [[nodiscard]] Read receive();
    void listen_for(ReadyLoop::Interest interest);

    xen::Descriptor socket_;
    ReadyLoop& loop_;
    store::Assembler assembler_;
    ReadyLoop::Interest interest_ = ReadyLoop::Interest::read;
};

}  // namespace rf::rpc
