// SPDX-License-Identifier: MIT
#pragma once
/// The store as a running service: doors, journal, rings, sockets and the turn loop around store::Server.
///
/// A turn serves each waiting client in order, a few requests each; then writes the journal; then sends. So nothing that a
/// client has seen can be lost by kill -9, and no client can keep the others waiting. Single-threaded on one io_context.

#include <deque>
#include <map>
#include <memory>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "rpc/journal_file.hpp"
#include "rpc/local_peer.hpp"
#include "rpc/ring_peer.hpp"
#include "xen/event_channels.hpp"
#include "xen/own_store.hpp"
#include "xen/system_control.hpp"

namespace rf::rpc {

/// Everything that touches the hypervisor, opened once.
struct StoreDoors {
    xen::EventChannels events;
    xen::GrantMapper grants;
    xen::Privcmd privcmd;
    xen::LocalPort domain_exception;  ///< VIRQ_DOM_EXC

    [[nodiscard]] static xen::Result<StoreDoors> open(xen::Kernel& kernel);
};

struct StoreOptions {
    std::string socket_path = "/run/xenstored/socket";
    store::Quota quota;
};

class StoreService final : private store::DomainGate {
public:
    StoreService(boost::asio::io_context& io, const StoreOptions& options, StoreDoors doors, JournalFile journal);
    ~StoreService() override;

    /// Restores the state of an earlier run, connects this domain's kernel and all known domains, opens the socket.
    /// After success the service works whenever the io_context runs.
    [[nodiscard]] xen::Result<void> start(xen::OwnStoreRing own_ring);

    [[nodiscard]] const store::Server& server() const { return server_; }

private:
    struct Ring {
        store::ConnectionId connection = 0;
        xen::LocalPort port;
        bool masked = false;  ///< its event was reported and is not armed again yet
    };

    // store::DomainGate
    bool connect(std::uint16_t domain, const store::ServedDomain& served) override;
    void disconnect(std::uint16_t domain) override;
    void print(std::string_view text) override;

    [[nodiscard]] xen::Result<void> restore();
    [[nodiscard]] xen::Result<void> attach(std::uint16_t domain, SharedPage page, xen::RemotePort port,
                                           store::ConnectionId connection, RingPeer::Start start);
    [[nodiscard]] xen::Result<void> attach_domain(std::uint16_t domain, const store::ServedDomain& served,
                                                  RingPeer::Start start);
    [[nodiscard]] xen::Result<void> attach_own(xen::OwnStoreRing own_ring);
    void attach_known_domains();
    [[nodiscard]] xen::Result<void> listen();
    void accept();
    void await_events();
    void take_events();
    void refresh_domains();

    void wake(store::ConnectionId connection);
    void schedule();
    void turn();
    void write_journal();
    void finish(store::ConnectionId connection, Peer::Work work);
    void rearm(store::ConnectionId connection);
    void drop(store::ConnectionId connection);

    boost::asio::io_context& io_;
    StoreOptions options_;
    StoreDoors doors_;
    JournalFile journal_;
    store::Server server_;
    std::map<store::ConnectionId, std::shared_ptr<Peer>> peers_;
    std::map<std::uint16_t, Ring> rings_;
    std::map<xen::LocalPort, std::uint16_t> domain_of_port_;
    boost::asio::posix::stream_descriptor event_descriptor_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    std::deque<store::ConnectionId> queue_;
    std::set<store::ConnectionId> queued_;
    bool scheduled_ = false;
    bool journal_failed_ = false;
};

}  // namespace rf::rpc
