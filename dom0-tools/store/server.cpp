// SPDX-License-Identifier: MIT
#include "store/server.hpp"

#include <algorithm>

namespace rf::store {
namespace {

/// A local client that lets this much pile up is not reading any more.
constexpr std::size_t local_backlog_max = 8 * 1024 * 1024;
/// Domain 0 is trusted but may hang: its kernel and clients get this many waiting events.
constexpr std::size_t privileged_events_max = 65536;

Message error_reply(const Message& request, Error error)
{
    return {Type::error, request.request, request.transaction, std::string(wire_name(error)) + '\0'};
}

}  // namespace

Server::Server(const Quota& quota, DomainGate& gate) : quota_(quota), gate_(gate)
{
    special_["@introduceDomain"] = owned_by(DomainKey{}, Access::none);
    special_["@releaseDomain"] = owned_by(DomainKey{}, Access::none);
}

Server::Connection& Server::new_connection(Kind kind, DomainKey domain)
{
    do {
        ++last_connection_;
    } while (last_connection_ == 0 || connections_.contains(last_connection_));
    Connection& connection = connections_[last_connection_];
    connection.id = last_connection_;
    connection.kind = kind;
    connection.caller.domain = domain;
    return connection;
}

ConnectionId Server::connect_local()
{
    return new_connection(Kind::socket, DomainKey{}).id;
}

ConnectionId Server::attach_own_ring()
{
    if (const ServedDomain* own = domains_.find(0))
        return own->connection;
    ServedDomain served;
    served.connection = new_connection(Kind::fresh_ring, DomainKey{}).id;
    record_domain(records_, 0, domains_.add(0, served));
    return served.connection;
}

/// Watches, transactions and waiting bytes of a connection, with what they were charged.
void Server::drop_state(Connection& connection)
{
    std::int64_t held = static_cast<std::int64_t>(connection.outbox.bytes());
    for (const Watch& watch : watches_.remove_all(connection.id))
        held += static_cast<std::int64_t>(watch.charge());
    for (const auto& [id, transaction] : connection.transactions)
        held += static_cast<std::int64_t>(transaction.bytes());
    ledger_.add(connection.caller.domain, {0, -held});
    connection.transactions.clear();
    connection.outbox.clear();
}

void Server::disconnect(ConnectionId id)
{
    const auto found = connections_.find(id);
    if (found == connections_.end())
        return;
    drop_state(found->second);
    latest_ = nullptr;
    connections_.erase(found);
    std::erase(ready_, id);
}

Message Server::handle(ConnectionId id, const Message& request)
{
    Connection& connection = connection_of(id);
    Reply reply = dispatch(connection, request);
    if (reply && reply->size() > payload_max)
        reply = std::unexpected(Error::too_big);
    if (!reply)
        return error_reply(request, reply.error());
    return {request.type, request.request, request.transaction, std::move(*reply)};
}

void Server::process(ConnectionId id, const Message& request)
{
    const Message reply = handle(id, request);
    if (Connection* const connection = find_connection(id))
        queue_reply(*connection, encode(reply));
    deliver_events();
}

Server::Reply Server::dispatch(Connection& connection, const Message& request)
{
    switch (request.type) {
    case Type::introduce:
    case Type::release:
    case Type::resume:
    case Type::set_target:
    case Type::control:
        if (!connection.caller.is_privileged())
            return std::unexpected(Error::access_denied);
        [[fallthrough]];
    case Type::is_domain_introduced:
    case Type::get_domain_path:
        return dispatch_domain(connection, request);
    default:
        return dispatch_node(connection, request);
    }
}

Server::Reply Server::dispatch_node(Connection& connection, const Message& request)
{
    switch (request.type) {
    case Type::directory: return directory(connection, request);
    case Type::directory_part: return directory_part(connection, request);
    case Type::read: return read(connection, request);
    case Type::write: return write(connection, request);
    case Type::mkdir: return make_directory(connection, request);
    case Type::rm: return remove(connection, request);
    case Type::get_perms: return get_permissions(connection, request);
    case Type::set_perms: return set_permissions(connection, request);
    case Type::transaction_start: return transaction_start(connection, request);
    case Type::transaction_end: return transaction_end(connection, request);
    case Type::watch: return watch(connection, request);
    case Type::unwatch: return unwatch(connection, request);
    case Type::reset_watches: return reset_watches(connection, request);
    default: return std::unexpected(Error::not_supported);
    }
}

Server::Reply Server::dispatch_domain(Connection& connection, const Message& request)
{
    switch (request.type) {
    case Type::introduce: return introduce(connection, request);
    case Type::release: return release(connection, request);
    case Type::resume: return resume(connection, request);
    case Type::set_target: return set_target(connection, request);
    case Type::control: return control(connection, request);
    case Type::is_domain_introduced: return is_introduced(connection, request);
    case Type::get_domain_path: return domain_path(connection, request);
    default: return std::unexpected(Error::not_supported);
    }
}

Result<Path> Server::path_of(const Connection& connection, std::string_view text) const
{
    if (!connection.caller.is_privileged() && text.size() > quota_.path_bytes)
        return std::unexpected(Error::invalid);
    if (text.starts_with('/'))
        return Path::parse(text, {});
    return Path::parse(text, home_of(connection.caller.domain.id));
}

Result<Path> Server::special_path_of(const Connection& connection, std::string_view text) const
{
    if (!connection.caller.is_privileged() && text.size() > quota_.path_bytes)
        return std::unexpected(Error::invalid);
    return Path::parse_special(text, home_of(connection.caller.domain.id));
}

bool Server::affords(const Connection& connection, std::size_t bytes) const
{
    return connection.caller.is_privileged() ||
           ledger_.of(connection.caller.domain).bytes + static_cast<std::int64_t>(bytes) <=
               static_cast<std::int64_t>(quota_.bytes);
}

void Server::make_ready(Connection& connection)
{
    if (!std::exchange(connection.ready, true))
        ready_.push_back(connection.id);
}

void Server::queue_reply(Connection& connection, std::string bytes)
{
    if (connection.is_ring())
        records_.begin(RecordType::ring_output).number(connection.caller.domain.id).text(bytes);
    ledger_.add(connection.caller.domain, {0, static_cast<std::int64_t>(bytes.size())});
    connection.outbox.push_reply(std::move(bytes));
    make_ready(connection);
}

void Server::queue_event(const Event& event)
{
    Connection* const found = find_connection(event.connection);
    if (found == nullptr)
        return;
    Connection& connection = *found;
    std::string payload = event.path + '\0' + event.token + '\0';
    if (payload.size() > payload_max)
        return;
    std::string bytes = encode({Type::watch_event, 0, 0, std::move(payload)});
    const std::size_t size = bytes.size();
    const std::string copy = connection.is_ring() ? bytes : std::string();
    const std::size_t limit = connection.caller.is_privileged() ? privileged_events_max : quota_.events;
    if (connection.outbox.push_event(std::move(bytes), limit) != Outbox::Queued::yes)
        return;
    if (connection.is_ring())
        records_.begin(RecordType::ring_output).number(connection.caller.domain.id).text(copy);
    ledger_.add(connection.caller.domain, {0, static_cast<std::int64_t>(size)});
    make_ready(connection);
}

void Server::deliver_events()
{
    if (events_.empty())
        return;
    for (const Event& event : std::exchange(events_, {}))
        queue_event(event);
}

void Server::delivered(ConnectionId id, std::size_t count)
{
    Connection& connection = connection_of(id);
    const std::size_t before = connection.outbox.bytes();
    connection.outbox.consume(count);
    const std::size_t sent = before - connection.outbox.bytes();
    connection.ring.response_index += static_cast<std::uint32_t>(sent);
    ledger_.add(connection.caller.domain, {0, -static_cast<std::int64_t>(sent)});
}

bool Server::accepts_requests(ConnectionId id) const
{
    const Connection& connection = connection_of(id);
    if (connection.outbox.empty())
        return true;
    return connection.outbox.replies() < quota_.outstanding_replies && affords(connection, header_bytes + payload_max);
}

bool Server::is_overrun(ConnectionId id) const
{
    const Connection& connection = connection_of(id);
    return !connection.is_ring() && connection.outbox.bytes() > local_backlog_max;
}

void Server::take_ready_outputs(std::vector<ConnectionId>& ready)
{
    for (const ConnectionId id : ready_)
        connection_of(id).ready = false;
    ready.clear();
    ready.swap(ready_);
}

}  // namespace rf::store
