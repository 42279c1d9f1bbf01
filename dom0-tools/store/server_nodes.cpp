// SPDX-License-Identifier: MIT
/// Server requests on nodes, transactions and watches.
#include <algorithm>

#include "store/server.hpp"

namespace rf::store {
namespace {

constexpr std::uint32_t epoch_shift = 24;
constexpr std::uint32_t counter_mask = (1u << epoch_shift) - 1;
constexpr std::uint32_t epoch_mask = 0xff;

bool has_read(const Caller& caller, const Permissions& permissions)
{
    return permissions && includes(access_of(caller, *permissions), Access::read);
}

std::string names_of(const Node& node)
{
    std::string names;
    for (const auto& child : node.children)
        names.append(child->name).push_back('\0');
    return names;
}

}  // namespace

/// The transaction a request names; nullptr for none. An identifier of an earlier epoch on a ring that has survived a
/// restart gets a transaction that can only end in `again`: the guest's kernel then retries from the start, as it would after
/// any conflict, whereas an error in the middle would make a driver give up.
Result<Transaction*> Server::transaction_of(Connection& connection, std::uint32_t id)
{
    if (id == 0)
        return nullptr;
    if (const auto found = connection.transactions.find(id); found != connection.transactions.end())
        return &found->second;
    const bool earlier = (id >> epoch_shift) != (epoch_ & epoch_mask);
    if (connection.kind != Kind::restored_ring || !earlier || connection.transactions.size() >= quota_.transactions)
        return std::unexpected(Error::not_found);
    return &connection.transactions.try_emplace(id, tree_, generation_, ledger_, quota_, Transaction::Fate::lost).first->second;
}

Result<const Node*> Server::readable(Connection& connection, const Message& request, std::string_view path_text,
                                     Transaction::Part part)
{
    const auto path = path_of(connection, path_text);
    if (!path)
        return std::unexpected(path.error());
    const auto transaction = transaction_of(connection, request.transaction);
    if (!transaction)
        return std::unexpected(transaction.error());
    if (!*transaction)
        return View(tree_, ledger_, generation_, quota_, nullptr).readable(connection.caller, *path);
    const std::size_t before = (*transaction)->bytes();
    auto node = (*transaction)->readable(connection.caller, *path, part);
    ledger_.add(connection.caller.domain, {0, static_cast<std::int64_t>((*transaction)->bytes() - before)});
    return node;
}

Server::Reply Server::alter(Connection& connection, const Message& request, Operation operation)
{
    const auto transaction = transaction_of(connection, request.transaction);
    if (!transaction)
        return std::unexpected(transaction.error());
    if (*transaction) {
        if (!affords(connection, operation.path.text().size() + operation.value.size() + object_overhead))
            return std::unexpected(Error::no_space);
        const std::size_t before = (*transaction)->bytes();
        const auto done = (*transaction)->apply(connection.caller, std::move(operation));
        ledger_.add(connection.caller.domain, {0, static_cast<std::int64_t>((*transaction)->bytes() - before)});
        return done ? Reply(ok) : Reply(std::unexpected(done.error()));
    }
    View view(tree_, ledger_, generation_, quota_, &changes_);
    const auto done = view.apply(connection.caller, operation);
    if (!done)
        return std::unexpected(done.error());
    if (const Node* const node = view.written()) {
        record_put(changes_.front().path.text(), *node);
        fire(changes_.front());
    } else {
        commit(changes_);
    }
    changes_.clear();
    return ok;
}

/// Makes finished changes of the live tree known to the journal and to watchers.
void Server::commit(const std::vector<Change>& changes)
{
    record_changes(changes);
    for (const Change& change : changes)
        fire(change);
}

bool Server::may_hear(ConnectionId listener, const Path& path, const Permissions& before, const Node* gone) const
{
    const Caller& caller = connections_.at(listener).caller;
    if (caller.is_privileged() || has_read(caller, before))
        return true;
    const Node* node = gone ? gone : tree_.find(path.text());
    if (node && has_read(caller, node->permissions))
        return true;
    return has_read(caller, tree_.nearest(path.parent().text()).node->permissions);
}

void Server::fire(const Change& change)
{
    if (change.kind == Change::Kind::implied && !change.removed)
        return;
    watches_.visit_upward(change.path, [&](const Watch& watch) {
        if (may_hear(watch.connection, change.path, change.before, change.removed.get()))
            events_.push_back({watch.connection, watch.shown(change.path.text()), watch.token});
    });
    if (!change.removed)
        return;
    watches_.visit_below(change.path, [&](const Watch& watch) {
        const Node* gone = find_below(*change.removed, std::string_view(watch.path).substr(change.path.text().size()));
        if (gone && has_read(connections_.at(watch.connection).caller, gone->permissions))
            events_.push_back({watch.connection, watch.shown(watch.path), watch.token});
    });
}

void Server::fire_special(std::string_view name)
{
    const auto path = Path::parse_special(name, {});
    const Permissions& permissions = special_.find(name)->second;
    watches_.visit_upward(*path, [&](const Watch& watch) {
        const Caller& caller = connections_.at(watch.connection).caller;
        if (has_read(caller, permissions))
            events_.push_back({watch.connection, std::string(name), watch.token});
    });
}

Server::Reply Server::directory(Connection& connection, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    const auto node = readable(connection, request, *text, Transaction::Part::children);
    if (!node)
        return std::unexpected(node.error());
    return names_of(**node);
}

Server::Reply Server::directory_part(Connection& connection, const Message& request)
{
    const auto strings = split_strings(request.payload);
    if (!strings || strings->size() != 2)
        return std::unexpected(Error::invalid);
    const auto offset = parse_number<std::uint32_t>((*strings)[1]);
    if (!offset)
        return std::unexpected(offset.error());
    const auto node = readable(connection, request, (*strings)[0], Transaction::Part::children);
    if (!node)
        return std::unexpected(node.error());

    // First the generation, by which the client sees that the list changed between two parts; then whole names as far as
    // they fit; then, at the end of the list, one empty name.
    std::string reply = std::to_string((*node)->children_generation) + '\0';
    std::size_t position = 0;
    for (const auto& child : (*node)->children) {
        const std::size_t size = child->name.size() + 1;
        if (position >= *offset) {
            if (reply.size() + size + 1 > payload_max)
                return reply;
            reply.append(child->name).push_back('\0');
        }
        position += size;
    }
    reply.push_back('\0');
    return reply;
}

Server::Reply Server::read(Connection& connection, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    const auto node = readable(connection, request, *text, Transaction::Part::node);
    if (!node)
        return std::unexpected(node.error());
    return (*node)->value;
}

Server::Reply Server::write(Connection& connection, const Message& request)
{
    const auto text = first_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    auto path = path_of(connection, *text);
    if (!path)
        return std::unexpected(path.error());
    return alter(connection, request, {Operation::Kind::write, std::move(*path), request.payload.substr(text->size() + 1), nullptr});
}

Server::Reply Server::make_directory(Connection& connection, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    auto path = path_of(connection, *text);
    if (!path)
        return std::unexpected(path.error());
    return alter(connection, request, {Operation::Kind::make_directory, std::move(*path), {}, nullptr});
}

Server::Reply Server::remove(Connection& connection, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    auto path = path_of(connection, *text);
    if (!path)
        return std::unexpected(path.error());
    return alter(connection, request, {Operation::Kind::remove, std::move(*path), {}, nullptr});
}

Server::Reply Server::get_permissions(Connection& connection, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    Permissions permissions;
    if (const auto special = special_.find(*text); special != special_.end()) {
        if (!has_read(connection.caller, special->second))
            return std::unexpected(Error::access_denied);
        permissions = special->second;
    } else {
        const auto node = readable(connection, request, *text, Transaction::Part::node);
        if (!node)
            return std::unexpected(node.error());
        permissions = (*node)->permissions;
    }
    std::string reply;
    for (std::size_t i = 0; i < permissions->size(); ++i) {
        const Permission& entry = (*permissions)[i];
        // Entries of domains that have gone are not shown; the owner always is.
        if (i == 0 || domains_.key(entry.domain.id) == entry.domain)
            reply.append(to_text(entry)).push_back('\0');
    }
    return reply;
}

Server::Reply Server::set_permissions(Connection& connection, const Message& request)
{
    const auto strings = split_strings(request.payload);
    if (!strings || strings->size() < 2)
        return std::unexpected(Error::invalid);
    PermissionList list;
    for (std::size_t i = 1; i < strings->size(); ++i) {
        auto entry = parse_permission((*strings)[i]);
        if (!entry)
            return std::unexpected(entry.error());
        entry->domain = domains_.key(entry->domain.id);
        list.push_back(*entry);
    }
    auto permissions = std::make_shared<const PermissionList>(std::move(list));
    if (const auto special = special_.find((*strings)[0]); special != special_.end()) {
        if (!connection.caller.is_privileged())
            return std::unexpected(Error::access_denied);
        special->second = permissions;
        records_.begin(RecordType::special).text(special->first).permissions(*permissions);
        return ok;
    }
    auto path = path_of(connection, (*strings)[0]);
    if (!path)
        return std::unexpected(path.error());
    auto reply = alter(connection, request, {Operation::Kind::set_permissions, std::move(*path), {}, permissions});
    if (reply)
        for (const Permission& entry : *permissions)
            domains_.note(entry.domain.id, DomainTable::Evidence::named);
    return reply;
}

Server::Reply Server::transaction_start(Connection& connection, const Message& request)
{
    if (request.transaction != 0)
        return std::unexpected(Error::busy);
    if (!connection.caller.is_privileged() && connection.transactions.size() >= quota_.transactions)
        return std::unexpected(Error::no_space);
    std::uint32_t id = 0;
    do {
        last_transaction_ = (last_transaction_ + 1) & counter_mask;
        id = (epoch_ & epoch_mask) << epoch_shift | last_transaction_;
    } while (last_transaction_ == 0 || connection.transactions.contains(id));
    connection.transactions.try_emplace(id, tree_, generation_, ledger_, quota_, Transaction::Fate::open);
    return std::to_string(id) + '\0';
}

Server::Reply Server::transaction_end(Connection& connection, const Message& request)
{
    const auto verdict = only_string(request.payload);
    if (!verdict || (*verdict != "T" && *verdict != "F"))
        return std::unexpected(Error::invalid);
    const auto transaction = transaction_of(connection, request.transaction);
    if (!transaction)
        return std::unexpected(transaction.error());
    if (!*transaction)
        return std::unexpected(Error::not_found);

    Result<Transaction::Outcome> outcome = std::unexpected(Error::again);
    if (*verdict == "T")
        outcome = (*transaction)->commit(connection.caller, tree_, ledger_, generation_);
    ledger_.add(connection.caller.domain, {0, -static_cast<std::int64_t>((*transaction)->bytes())});
    connection.transactions.erase(request.transaction);
    if (*verdict == "F")
        return ok;
    if (!outcome)
        return std::unexpected(outcome.error());
    tree_ = std::move(outcome->tree);
    ledger_.merge(outcome->differences);
    commit(outcome->changes);
    return ok;
}

Server::Reply Server::watch(Connection& connection, const Message& request)
{
    const auto strings = split_strings(request.payload);
    if (!strings || strings->size() < 2)
        return std::unexpected(Error::invalid);
    const std::string_view shown = (*strings)[0];
    const auto path = special_path_of(connection, shown);
    if (!path)
        return std::unexpected(path.error());
    const bool relative = shown[0] != '/' && shown[0] != '@';
    Watch watch{connection.id, path->text(), std::string((*strings)[1]),
                relative ? home_of(connection.caller.domain.id) : std::string()};
    const std::size_t charge = watch.charge();
    if (!connection.caller.is_privileged() && watches_.count(connection.id) >= quota_.watches)
        return std::unexpected(Error::no_space);
    if (!affords(connection, charge))
        return std::unexpected(Error::no_space);
    const std::string token = watch.token;
    const std::string home = watch.home;
    if (const auto added = watches_.add(std::move(watch)); !added)
        return std::unexpected(added.error());
    ledger_.add(connection.caller.domain, {0, static_cast<std::int64_t>(charge)});
    if (connection.is_ring())
        records_.begin(RecordType::watch).number(connection.caller.domain.id).text(path->text()).text(token).text(home);
    events_.push_back({connection.id, std::string(shown), token});
    return ok;
}

Server::Reply Server::unwatch(Connection& connection, const Message& request)
{
    const auto strings = split_strings(request.payload);
    if (!strings || strings->size() < 2)
        return std::unexpected(Error::invalid);
    const auto path = special_path_of(connection, (*strings)[0]);
    if (!path)
        return std::unexpected(path.error());
    const auto removed = watches_.remove(connection.id, path->text(), (*strings)[1]);
    if (!removed)
        return std::unexpected(removed.error());
    ledger_.add(connection.caller.domain, {0, -static_cast<std::int64_t>(removed->charge())});
    if (connection.is_ring())
        records_.begin(RecordType::unwatch).number(connection.caller.domain.id).text(path->text()).text(removed->token);
    return ok;
}

Server::Reply Server::reset_watches(Connection& connection, const Message&)
{
    std::int64_t held = 0;
    for (const Watch& watch : watches_.remove_all(connection.id))
        held += static_cast<std::int64_t>(watch.charge());
    for (const auto& [id, transaction] : connection.transactions)
        held += static_cast<std::int64_t>(transaction.bytes());
    connection.transactions.clear();
    ledger_.add(connection.caller.domain, {0, -held});
    if (connection.is_ring())
        records_.begin(RecordType::no_watches).number(connection.caller.domain.id);
    return ok;
}

}  // namespace rf::store
