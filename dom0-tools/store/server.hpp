// SPDX-License-Identifier: MIT
#pragma once
/// The store as a function: a request on a connection gives a reply, plus events for others. No I/O: rings are connected
/// through a DomainGate, bytes to send wait in each connection's outbox, and what must survive a restart accumulates as
/// records until `take_records`.
///
/// Invariants: every request is answered at once; a request either takes effect as a whole or not at all; a socket
/// connection speaks for domain 0; a ring connection speaks for its domain and dies with it.
/// Requests are grouped by family: server_nodes.cpp, server_domains.cpp, server_restore.cpp.

#include <map>
#include <span>
#include <utility>

#include "store/domain_table.hpp"
#include "store/message.hpp"
#include "store/outbox.hpp"
#include "store/quota.hpp"
#include "store/record.hpp"
#include "store/transaction.hpp"
#include "store/watch.hpp"

namespace rf::store {

/// Connects and disconnects domains' rings; implemented by the transport.
class DomainGate {
public:
    virtual ~DomainGate() = default;
    /// Maps the ring and binds the port; afterwards requests may arrive for `connection`. False if that is impossible.
    [[nodiscard]] virtual bool connect(std::uint16_t domain, const ServedDomain& served) = 0;
    virtual void disconnect(std::uint16_t domain) = 0;
    /// A line for the log from `xenstore-control print`.
    virtual void print(std::string_view text) = 0;
};

/// How far a ring has been worked off; all that a restart must know besides the outbox.
struct RingProgress {
    std::uint32_t request_index = 0;   ///< request bytes taken
    std::uint32_t response_index = 0;  ///< response bytes delivered; the outbox continues here
    std::string remainder;             ///< request bytes taken that do not form a message yet
};

class Server {
public:
    Server(const Quota& quota, DomainGate& gate);

    /// A new local client, which speaks for domain 0.
    [[nodiscard]] ConnectionId connect_local();
    /// Ends a connection: its watches, transactions and waiting messages are gone.
    void disconnect(ConnectionId connection);
    /// The ring of domain 0's kernel, which nobody introduces.
    ConnectionId attach_own_ring();

    /// Answers one request. Events it causes wait until `deliver_events`.
    [[nodiscard]] Message handle(ConnectionId connection, const Message& request);
    /// Answers one request and puts the reply, then all events, into the outboxes.
    void process(ConnectionId connection, const Message& request);

    /// Bytes that wait for this client.
    [[nodiscard]] const Outbox& outbox(ConnectionId connection) const { return connection_of(connection).outbox; }
    /// The transport has sent `count` bytes of the outbox.
    void delivered(ConnectionId connection, std::size_t count);
    /// Whether further requests of this client may be read now; false until it takes its replies.
    [[nodiscard]] bool accepts_requests(ConnectionId connection) const;
    /// Whether a local client is so far behind that it must be cut off.
    [[nodiscard]] bool is_overrun(ConnectionId connection) const;
    /// Connections whose outbox has gained bytes since the last call; what `ready` holds is dropped, its memory kept.
    void take_ready_outputs(std::vector<ConnectionId>& ready);

    /// The hypervisor's complete list of domains: notices deaths and shutdowns, tells @releaseDomain.
    void update_domains(std::span<const DomainStatus> existing);

    /// Ring progress, kept so that a restart neither repeats nor loses a request.
    void ring_progressed(ConnectionId connection, std::uint32_t request_index, std::string_view remainder);
    void ring_reset(ConnectionId connection, std::uint32_t request_index, std::uint32_t response_index);
    [[nodiscard]] const RingProgress& ring(ConnectionId connection) const { return connection_of(connection).ring; }

    /// Records since the last call; must be on disk before any outbox byte of the same turn leaves.
    [[nodiscard]] std::string take_records() { return records_.take(); }
    /// The same, without taking them; `forget_records` then drops them.
    [[nodiscard]] std::string_view records() const { return records_.bytes(); }
    void forget_records() { records_.clear(); }
    /// All records that rebuild the present state.
    [[nodiscard]] std::string snapshot() const;
    /// Applies a batch from the journal to a fresh server; false if it is malformed.
    [[nodiscard]] bool replay(std::string_view batch);
    /// After the last batch: starts a new epoch. Transactions of earlier epochs can now only end in EAGAIN.
    void resume_after_replay();

    [[nodiscard]] const DomainTable& domains() const { return domains_; }
    [[nodiscard]] const Tree& tree() const { return tree_; }
    [[nodiscard]] Usage usage_of(std::uint16_t domain) const { return ledger_.of(domains_.key(domain)); }
    /// Nodes ever walked in search of what dead domains owned.
    [[nodiscard]] std::uint64_t nodes_walked() const { return nodes_walked_; }
    [[nodiscard]] std::size_t watch_count(ConnectionId connection) const { return watches_.count(connection); }

private:
    enum class Kind { socket, fresh_ring, restored_ring };
    struct Connection {
        ConnectionId id = 0;
        Kind kind = Kind::socket;
        Caller caller;
        std::map<std::uint32_t, Transaction> transactions;
        Outbox outbox;
        RingProgress ring;
        bool ready = false;  ///< its outbox has gained bytes

        [[nodiscard]] bool is_ring() const { return kind != Kind::socket; }
    };
    struct Event {
        ConnectionId connection;
        std::string path;
        std::string token;
    };
    using Reply = Result<std::string>;
    /// What a request without an answer is answered.
    static inline const std::string ok{"OK\0", 3};

    // server.cpp
    [[nodiscard]] Reply dispatch(Connection& connection, const Message& request);
    [[nodiscard]] Reply dispatch_node(Connection& connection, const Message& request);
    [[nodiscard]] Reply dispatch_domain(Connection& connection, const Message& request);
    Connection& new_connection(Kind kind, DomainKey domain);
    /// That of a number that exists.
    [[nodiscard]] const Connection& connection_of(ConnectionId id) const
    {
        if (latest_ == nullptr || latest_->id != id)
            latest_ = &connections_.at(id);
        return *latest_;
    }
    /// nullptr if it is gone.
    [[nodiscard]] Connection* find_connection(ConnectionId id)
    {
        if (latest_ != nullptr && latest_->id == id)
            return const_cast<Connection*>(latest_);
        const auto found = connections_.find(id);
        return found == connections_.end() ? nullptr : &found->second;
    }
    [[nodiscard]] Connection& connection_of(ConnectionId id) { return const_cast<Connection&>(std::as_const(*this).connection_of(id)); }
    void drop_state(Connection& connection);
    void make_ready(Connection& connection);
    void queue_reply(Connection& connection, std::string bytes);
    void queue_event(const Event& event);
    void deliver_events();
    [[nodiscard]] Result<Path> path_of(const Connection& connection, std::string_view text) const;
    [[nodiscard]] Result<Path> special_path_of(const Connection& connection, std::string_view text) const;
    [[nodiscard]] bool affords(const Connection& connection, std::size_t bytes) const;

    // server_nodes.cpp
    [[nodiscard]] Result<Transaction*> transaction_of(Connection& connection, std::uint32_t id);
    [[nodiscard]] Result<const Node*> readable(Connection& connection, const Message& request, std::string_view path_text,
                                               Transaction::Part part);
    [[nodiscard]] Reply alter(Connection& connection, const Message& request, Operation operation);
    void commit(const std::vector<Change>& changes);
    void fire(const Change& change);
    void fire_special(std::string_view name);
    [[nodiscard]] bool may_hear(ConnectionId listener, const Path& path, const Permissions& before, const Node* gone) const;
    [[nodiscard]] Reply directory(Connection& connection, const Message& request);
    [[nodiscard]] Reply directory_part(Connection& connection, const Message& request);
    [[nodiscard]] Reply read(Connection& connection, const Message& request);
    [[nodiscard]] Reply write(Connection& connection, const Message& request);
    [[nodiscard]] Reply make_directory(Connection& connection, const Message& request);
    [[nodiscard]] Reply remove(Connection& connection, const Message& request);
    [[nodiscard]] Reply get_permissions(Connection& connection, const Message& request);
    [[nodiscard]] Reply set_permissions(Connection& connection, const Message& request);
    [[nodiscard]] Reply transaction_start(Connection& connection, const Message& request);
    [[nodiscard]] Reply transaction_end(Connection& connection, const Message& request);
    [[nodiscard]] Reply watch(Connection& connection, const Message& request);
    [[nodiscard]] Reply unwatch(Connection& connection, const Message& request);
    [[nodiscard]] Reply reset_watches(Connection& connection, const Message& request);

    // server_domains.cpp
    [[nodiscard]] Reply introduce(Connection& connection, const Message& request);
    [[nodiscard]] Reply release(Connection& connection, const Message& request);
    [[nodiscard]] Reply resume(Connection& connection, const Message& request);
    [[nodiscard]] Reply set_target(Connection& connection, const Message& request);
    [[nodiscard]] Reply is_introduced(Connection& connection, const Message& request);
    [[nodiscard]] Reply domain_path(Connection& connection, const Message& request);
    [[nodiscard]] Reply control(Connection& connection, const Message& request);
    [[nodiscard]] Result<std::uint16_t> served_domain(std::string_view text);
    void forget_served(std::uint16_t id);
    void retire(std::uint16_t id);
    [[nodiscard]] std::vector<std::string> owned_by_dead(DomainKey dead);
    void update_caller(std::uint16_t id);

    // server_restore.cpp
    void record_domain(RecordWriter& writer, std::uint16_t id, const ServedDomain& served) const;
    void record_put(std::string_view path, const Node& node);
    void record_changes(const std::vector<Change>& changes);
    [[nodiscard]] bool replay_one(RecordReader& reader);
    [[nodiscard]] bool replay_tree(RecordType type, RecordReader& reader);
    [[nodiscard]] bool replay_domain(RecordType type, RecordReader& reader);
    [[nodiscard]] bool replay_watch(RecordType type, RecordReader& reader);
    [[nodiscard]] bool replay_ring(RecordType type, RecordReader& reader);
    [[nodiscard]] Connection* ring_of(std::uint16_t domain);

    const Quota quota_;
    DomainGate& gate_;
    Tree tree_;
    Ledger ledger_;
    std::uint64_t generation_ = 0;
    std::uint64_t nodes_walked_ = 0;
    WatchTable watches_;
    DomainTable domains_;
    std::map<ConnectionId, Connection> connections_;
    mutable const Connection* latest_ = nullptr;               ///< the one asked for last: a request asks for its own many times
    std::map<std::string, Permissions, std::less<>> special_;  ///< who may hear each special event
    std::vector<Change> changes_;                              ///< of a request outside of transactions; kept for its memory
    std::vector<Event> events_;
    std::vector<ConnectionId> ready_;                          ///< those marked `ready`
    RecordWriter records_;
    ConnectionId last_connection_ = 0;
    std::uint32_t last_transaction_ = 0;
    std::uint32_t epoch_ = 0;
};

}  // namespace rf::store
