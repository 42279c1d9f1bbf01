// SPDX-License-Identifier: MIT
/// What the server writes to the journal and how it comes back from it.
#include <algorithm>

#include "store/server.hpp"

namespace rf::store {

void Server::record_domain(RecordWriter& writer, std::uint16_t id, const ServedDomain& served) const
{
    writer.begin(RecordType::domain).number(id).number(served.frame).number(served.port);
    writer.number(static_cast<std::uint8_t>(served.state == DomainState::shut_down));
    writer.number(static_cast<std::uint8_t>(served.target.has_value())).number(served.target.value_or(0));
}

void Server::record_put(std::string_view path, const Node& node)
{
    records_.begin(RecordType::put).text(path).text(node.value).permissions(*node.permissions);
}

/// Removals first, then what now stands at each changed path, parents before children.
void Server::record_changes(const std::vector<Change>& changes)
{
    std::vector<const Path*> put;
    for (const Change& change : changes) {
        if (change.removed)
            records_.begin(RecordType::remove).text(change.path.text());
        put.push_back(&change.path);
    }
    std::sort(put.begin(), put.end(), [](const Path* a, const Path* b) { return *a < *b; });
    for (const Path* path : put)
        if (const Node* node = tree_.find(path->text()))
            record_put(path->text(), *node);
}

std::string Server::snapshot() const
{
    RecordWriter writer;
    writer.begin(RecordType::epoch).number(epoch_);
    for (const auto& [id, incarnation] : domains_.incarnations())
        writer.begin(RecordType::incarnation).number(id).number(incarnation);
    for (const auto& [name, permissions] : special_)
        writer.begin(RecordType::special).text(name).permissions(*permissions);
    tree_.visit([&](const Node& node, std::string_view path) {
        writer.begin(RecordType::put).text(path).text(node.value).permissions(*node.permissions);
    });
    for (const auto& [id, served] : domains_.served()) {
        record_domain(writer, id, served);
        const Connection& connection = connections_.at(served.connection);
        for (const Watch* watch : watches_.of(served.connection))
            writer.begin(RecordType::watch).number(id).text(watch->path).text(watch->token).text(watch->home);
        writer.begin(RecordType::ring_reset).number(id).number(connection.ring.request_index).number(connection.ring.response_index);
        writer.begin(RecordType::ring_input).number(id).number(connection.ring.request_index).text(connection.ring.remainder);
        writer.begin(RecordType::ring_output).number(id).text(connection.outbox.contents());
    }
    return writer.take();
}

void Server::ring_progressed(ConnectionId id, std::uint32_t request_index, std::string_view remainder)
{
    Connection& connection = connections_.at(id);
    connection.ring.request_index = request_index;
    connection.ring.remainder = remainder;
    records_.begin(RecordType::ring_input).number(connection.caller.domain.id).number(request_index).text(remainder);
}

void Server::ring_reset(ConnectionId id, std::uint32_t request_index, std::uint32_t response_index)
{
    Connection& connection = connections_.at(id);
    ledger_.add(connection.caller.domain, {0, -static_cast<std::int64_t>(connection.outbox.bytes())});
    connection.outbox.clear();
    connection.ring = {request_index, response_index, {}};
    records_.begin(RecordType::ring_reset).number(connection.caller.domain.id).number(request_index).number(response_index);
}

Server::Connection* Server::ring_of(std::uint16_t domain)
{
    const ServedDomain* served = domains_.find(domain);
    return served ? &connections_.at(served->connection) : nullptr;
}

bool Server::replay(std::string_view batch)
{
    RecordReader reader(batch);
    while (!reader.at_end())
        if (!replay_one(reader))
            return false;
    return true;
}

bool Server::replay_one(RecordReader& reader)
{
    const auto type = static_cast<RecordType>(reader.number<std::uint8_t>());
    switch (type) {
    case RecordType::epoch:
        epoch_ = reader.number<std::uint32_t>();
        return reader.ok();
    case RecordType::put:
    case RecordType::remove:
    case RecordType::special:
        return replay_tree(type, reader);
    case RecordType::domain:
    case RecordType::domain_gone:
    case RecordType::incarnation:
        return replay_domain(type, reader);
    case RecordType::watch:
    case RecordType::unwatch:
    case RecordType::no_watches:
        return replay_watch(type, reader);
    case RecordType::ring_input:
    case RecordType::ring_output:
    case RecordType::ring_reset:
        return replay_ring(type, reader);
    }
    return false;
}

bool Server::replay_tree(RecordType type, RecordReader& reader)
{
    const std::string name(reader.text());
    if (type == RecordType::special) {
        Permissions permissions = reader.permissions();
        if (!reader.ok() || !special_.contains(name))
            return false;
        special_[name] = std::move(permissions);
        return true;
    }
    const auto path = Path::parse(name, {});
    if (!reader.ok() || !path)
        return false;
    View view(tree_, ledger_, generation_, quota_, nullptr);
    if (type == RecordType::remove)
        return view.remove(Caller{}, *path).has_value();
    const std::string value(reader.text());
    Permissions permissions = reader.permissions();
    if (!reader.ok())
        return false;
    for (const Permission& entry : *permissions)
        domains_.note(entry.domain.id, DomainTable::Evidence::named);
    return view.write(Caller{}, *path, value) && view.set_permissions(Caller{}, *path, std::move(permissions));
}

bool Server::replay_domain(RecordType type, RecordReader& reader)
{
    const auto id = reader.number<std::uint16_t>();
    if (type == RecordType::domain_gone) {
        if (Connection* connection = ring_of(id)) {
            const ConnectionId number = connection->id;
            domains_.erase(id);
            disconnect(number);
        }
        return reader.ok();
    }
    if (type == RecordType::incarnation) {
        (void)domains_.retire(id);  // the evidence is of no use now: the removals are records of their own
        domains_.set_incarnation(id, reader.number<std::uint32_t>());
        return reader.ok();
    }
    ServedDomain served;
    served.frame = reader.number<std::uint64_t>();
    served.port = reader.number<std::uint32_t>();
    served.state = reader.number<std::uint8_t>() ? DomainState::shut_down : DomainState::running;
    const bool has_target = reader.number<std::uint8_t>();
    const auto target = reader.number<std::uint16_t>();
    if (has_target)
        served.target = target;
    if (!reader.ok())
        return false;
    const Connection* known = ring_of(id);
    served.connection = known ? known->id : new_connection(Kind::restored_ring, domains_.key(id)).id;
    domains_.add(id, served);
    update_caller(id);
    return true;
}

bool Server::replay_watch(RecordType type, RecordReader& reader)
{
    Connection* connection = ring_of(reader.number<std::uint16_t>());
    if (type == RecordType::no_watches) {
        if (!reader.ok() || !connection)
            return false;
        for (const Watch& watch : watches_.remove_all(connection->id))
            ledger_.add(connection->caller.domain, {0, -static_cast<std::int64_t>(watch.charge())});
        return true;
    }
    const std::string path(reader.text());
    const std::string token(reader.text());
    if (type == RecordType::unwatch) {
        if (!reader.ok() || !connection)
            return false;
        const auto removed = watches_.remove(connection->id, path, token);
        if (removed)
            ledger_.add(connection->caller.domain, {0, -static_cast<std::int64_t>(removed->charge())});
        return removed.has_value();
    }
    const std::string home(reader.text());
    if (!reader.ok() || !connection)
        return false;
    Watch watch{connection->id, path, token, home};
    const auto charge = static_cast<std::int64_t>(watch.charge());
    ledger_.add(connection->caller.domain, {0, charge});
    return watches_.add(std::move(watch)).has_value();
}

bool Server::replay_ring(RecordType type, RecordReader& reader)
{
    Connection* connection = ring_of(reader.number<std::uint16_t>());
    if (!connection)
        return false;
    const auto charge = [&](std::int64_t bytes) { ledger_.add(connection->caller.domain, {0, bytes}); };
    if (type == RecordType::ring_output) {
        const std::string_view bytes = reader.text();
        charge(static_cast<std::int64_t>(bytes.size()));
        connection->outbox.push_reply(std::string(bytes));
        return reader.ok();
    }
    connection->ring.request_index = reader.number<std::uint32_t>();
    if (type == RecordType::ring_input) {
        connection->ring.remainder = reader.text();
        return reader.ok();
    }
    connection->ring.response_index = reader.number<std::uint32_t>();
    connection->ring.remainder.clear();
    charge(-static_cast<std::int64_t>(connection->outbox.bytes()));
    connection->outbox.clear();
    return reader.ok();
}

void Server::resume_after_replay()
{
    ++epoch_;
    // Generations of this epoch must differ from all that a client has seen before.
    generation_ = std::uint64_t{epoch_} << 40;
    last_transaction_ = 0;
    events_.clear();
    (void)records_.take();  // replaying is not news
    records_.begin(RecordType::epoch).number(epoch_);
}

}  // namespace rf::store
