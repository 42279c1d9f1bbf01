// SPDX-License-Identifier: MIT
#pragma once
/// The store as a running service: doors, journal, rings, sockets and the turn loop around store::Server.
///
/// A turn serves each waiting client in order, a few requests each; then writes the journal; then sends. So nothing that a
/// client has seen can be lost by kill -9, and no client can keep the others waiting. Single-threaded on one ReadyLoop.

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "rpc/journal_file.hpp"
#include "rpc/local_peer.hpp"
#include "rpc/ready_loop.hpp"
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
    /// `loop` outlives the service.
    StoreService(ReadyLoop& loop, const StoreOptions& options, StoreDoors doors, JournalFile journal);
    StoreService(const StoreService&) = delete;
    StoreService& operator=(const StoreService&) = delete;
    ~StoreService() override;

    /// Restores the state of an earlier run, connects this domain's kernel and all known domains, opens the socket.
    [[nodiscard]] xen::Result<void> start(xen::OwnStoreRing own_ring);
    /// One round: waits at most `limit` for something to do (not at all while clients wait for a turn), then takes a turn.
    /// Whether there was anything.
    bool round(std::chrono::milliseconds limit);

    [[nodiscard]] const store::Server& server() const { return server_; }

private:
    struct Ring {
        store::ConnectionId connection = 0;
        xen::LocalPort port;
        bool masked = false;  ///< its event was reported and is not armed again yet
    };

    struct Client {
        std::shared_ptr<Peer> peer;
        std::optional<std::uint16_t> domain;  ///< whose ring it is
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
    void admit();
    void take_events();
    void refresh_domains();

    void wake(store::ConnectionId connection);
    void turn();
    void write_journal();
    void finish(store::ConnectionId connection, Peer::Work work);
    void rearm(const Client& client);
    void drop(store::ConnectionId connection);

    ReadyLoop& loop_;
    StoreOptions options_;
    StoreDoors doors_;
    JournalFile journal_;
    store::Server server_;
    std::map<store::ConnectionId, Client> clients_;
    std::map<std::uint16_t, Ring> rings_;
    std::map<xen::LocalPort, std::uint16_t> domain_of_port_;
    xen::Descriptor listener_;
    std::vector<xen::Descriptor> arrivals_;  ///< accepted in this round
    bool accepting_ = true;  ///< false while there are no descriptors for new clients
    std::vector<store::ConnectionId> queue_;       ///< clients that wait for their turn, in order
    std::vector<std::pair<store::ConnectionId, Peer::Work>> served_;  ///< in this turn
    std::vector<store::ConnectionId> ready_;                          ///< in this turn: who has something to take
    bool changed_ = false;  ///< something besides requests is to be written and told
    bool journal_failed_ = false;
};

}  // namespace rf::rpc
