// SPDX-License-Identifier: MIT
/// Server requests about domains, and what the hypervisor's list of domains means for the store.
#include <algorithm>

#include "store/server.hpp"

namespace rf::store {
namespace {

constexpr std::uint16_t domid_self = 0x7ff0;
constexpr std::uint16_t first_reserved = 0x7ff0;

}  // namespace

/// A decimal domain number that has a ring.
Result<std::uint16_t> Server::served_domain(std::string_view text)
{
    const auto id = parse_number<std::uint16_t>(text);
    if (!id || *id >= first_reserved)
        return std::unexpected(Error::invalid);
    if (!domains_.find(*id))
        return std::unexpected(Error::not_found);
    return *id;
}

Server::Reply Server::introduce(Connection&, const Message& request)
{
    const auto strings = split_strings(request.payload);
    if (!strings || strings->size() < 3)
        return std::unexpected(Error::invalid);
    const auto id = parse_number<std::uint16_t>((*strings)[0]);
    const auto frame = parse_number<std::uint64_t>((*strings)[1]);
    const auto port = parse_number<std::uint32_t>((*strings)[2]);
    if (!id || !frame || !port || *id == 0 || *id >= first_reserved || *port == 0)
        return std::unexpected(Error::invalid);

    if (ServedDomain* known = domains_.find(*id)) {
        // A second introduction means that the guest starts afresh on the same or another ring.
        gate_.disconnect(*id);
        drop_state(connections_.at(known->connection));
        connections_.at(known->connection).ring = {};
        known->frame = *frame;
        known->port = *port;
        records_.begin(RecordType::no_watches).number(*id);
        record_domain(records_, *id, *known);
        if (gate_.connect(*id, *known))
            return ok;
        forget_served(*id);
        return std::unexpected(Error::invalid);
    }

    ServedDomain served;
    served.frame = *frame;
    served.port = *port;
    served.connection = new_connection(Kind::fresh_ring, domains_.key(*id)).id;
    record_domain(records_, *id, domains_.add(*id, served));
    if (!gate_.connect(*id, served)) {
        domains_.erase(*id);
        disconnect(served.connection);
        records_.begin(RecordType::domain_gone).number(*id);
        return std::unexpected(Error::invalid);
    }
    fire_special("@introduceDomain");
    return ok;
}

void Server::forget_served(std::uint16_t id)
{
    const ConnectionId connection = domains_.find(id)->connection;
    gate_.disconnect(id);
    domains_.erase(id);
    disconnect(connection);
    records_.begin(RecordType::domain_gone).number(id);
    fire_special("@releaseDomain");
}

Server::Reply Server::release(Connection&, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    const auto id = served_domain(*text);
    if (!id)
        return std::unexpected(id.error());
    if (*id == 0)
        return std::unexpected(Error::invalid);
    forget_served(*id);
    return ok;
}

Server::Reply Server::resume(Connection&, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    const auto id = served_domain(*text);
    if (!id)
        return std::unexpected(id.error());
    ServedDomain& served = *domains_.find(*id);
    served.state = DomainState::running;
    record_domain(records_, *id, served);
    return ok;
}

/// Brings a ring connection's identity in line with the domain table.
void Server::update_caller(std::uint16_t id)
{
    const ServedDomain& served = *domains_.find(id);
    Caller& caller = connections_.at(served.connection).caller;
    caller.domain = domains_.key(id);
    caller.target.reset();
    if (served.target)
        caller.target = domains_.key(*served.target);
}

Server::Reply Server::set_target(Connection&, const Message& request)
{
    const auto strings = split_strings(request.payload);
    if (!strings || strings->size() < 2)
        return std::unexpected(Error::invalid);
    const auto id = served_domain((*strings)[0]);
    const auto target = served_domain((*strings)[1]);
    if (!id || !target)
        return std::unexpected(id ? target.error() : id.error());
    // Acting for domain 0 would be acting above all permissions.
    if (*target == 0)
        return std::unexpected(Error::access_denied);
    ServedDomain& served = *domains_.find(*id);
    served.target = *target;
    update_caller(*id);
    record_domain(records_, *id, served);
    return ok;
}

Server::Reply Server::is_introduced(Connection&, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    const auto id = parse_number<std::uint16_t>(*text);
    if (!id)
        return std::unexpected(id.error());
    const bool known = *id == 0 || *id == domid_self || domains_.find(*id);
    return std::string(known ? "T" : "F") + '\0';
}

Server::Reply Server::domain_path(Connection&, const Message& request)
{
    const auto text = only_string(request.payload);
    if (!text)
        return std::unexpected(text.error());
    const auto id = parse_number<std::uint16_t>(*text);
    if (!id)
        return std::unexpected(id.error());
    return home_of(*id) + '\0';
}

Server::Reply Server::control(Connection&, const Message& request)
{
    const auto strings = split_strings(request.payload);
    if (!strings)
        return std::unexpected(strings.error());
    const std::string_view command = strings->front();
    if (command == "help")
        return std::string("help           this text\nprint <text>   write a line to the log\n"
                           "quota          limits per domain and what each domain uses\n"
                           "check          walk the tree and say whether it is sound\n") + '\0';
    if (command == "print") {
        for (std::size_t i = 1; i < strings->size(); ++i)
            gate_.print((*strings)[i]);
        return ok;
    }
    if (command == "check") {
        std::size_t nodes = 0;
        bool sound = true;
        tree_.visit([&](const Node& node, std::string_view) {
            ++nodes;
            sound = sound && std::is_sorted(node.children.begin(), node.children.end(),
                                            [](const auto& a, const auto& b) { return a->name < b->name; });
        });
        return (sound ? "sound, " : "NOT SOUND, ") + std::to_string(nodes) + " nodes\n" + '\0';
    }
    if (command == "quota") {
        std::string text = "nodes " + std::to_string(quota_.nodes) + "\nvalue-bytes " + std::to_string(quota_.value_bytes) +
                           "\nwatches " + std::to_string(quota_.watches) + "\ntransactions " +
                           std::to_string(quota_.transactions) + "\ntransaction-requests " +
                           std::to_string(quota_.transaction_requests) + "\nbytes " + std::to_string(quota_.bytes) + "\n";
        for (const auto& [id, served] : domains_.served()) {
            const Usage used = usage_of(id);
            text += "domain " + std::to_string(id) + ": nodes " + std::to_string(used.nodes) + ", bytes " +
                    std::to_string(used.bytes) + ", watches " + std::to_string(watches_.count(served.connection)) + "\n";
            if (text.size() > payload_max - 256)
                break;
        }
        return text + '\0';
    }
    return std::unexpected(Error::invalid);
}

void Server::update_domains(std::span<const DomainStatus> existing)
{
    std::vector<DomainStatus> states(existing.begin(), existing.end());
    std::ranges::sort(states, {}, &DomainStatus::id);
    for (const DomainStatus& status : states)
        domains_.note(status.id, DomainTable::Evidence::alive);
    bool shut_down = false;
    std::vector<std::uint16_t> dead;
    for (const auto& [id, served] : domains_.served()) {
        if (id == 0)
            continue;
        const auto state = std::ranges::lower_bound(states, id, {}, &DomainStatus::id);
        if (state == states.end() || state->id != id || state->state == DomainState::dying) {
            dead.push_back(id);
        } else if (state->state == DomainState::shut_down && served.state == DomainState::running) {
            ServedDomain& changed = *domains_.find(id);
            changed.state = DomainState::shut_down;
            record_domain(records_, id, changed);
            shut_down = true;
        }
    }
    for (const std::uint16_t id : dead) {
        forget_served(id);
        retire(id);
    }
    for (const std::uint16_t id : domains_.missing(states))
        retire(id);
    if (shut_down && dead.empty())
        fire_special("@releaseDomain");
    deliver_events();
}

/// The topmost nodes that belong to a domain. They are nearly always below its home: the rest of the tree, which is that of all
/// others, is walked only if the ledger knows of more of them than were found there.
std::vector<std::string> Server::owned_by_dead(DomainKey dead)
{
    std::vector<std::string> owned;
    std::int64_t found = 0;
    const auto collect = [&](const Node& node, std::string_view path) {
        ++nodes_walked_;
        if (node.permissions->front().domain != dead)
            return;
        ++found;
        const bool below_owned = !owned.empty() && path.size() > owned.back().size() && path.starts_with(owned.back()) && path[owned.back().size()] == '/';
        if (path != "/" && !below_owned)
            owned.emplace_back(path);
    };
    const std::string home = home_of(dead.id);
    if (const Node* const node = tree_.find(home))
        Tree::visit_below(*node, home, collect);
    if (found < ledger_.of(dead).nodes) {
        owned.clear();
        tree_.visit(collect);
    }
    return owned;
}

/// The domain behind this number is dead: what it owned goes, and the number's next user starts with nothing.
void Server::retire(std::uint16_t id)
{
    const DomainKey dead = domains_.key(id);
    const auto evidence = domains_.retire(id);
    records_.begin(RecordType::incarnation).number(id).number(domains_.key(id).incarnation);
    if (evidence != DomainTable::Evidence::alive || ledger_.of(dead).nodes == 0)
        return;

    std::vector<Change> changes;
    View view(tree_, ledger_, generation_, quota_, &changes);
    for (const std::string& path : owned_by_dead(dead))
        if (const auto parsed = Path::parse(path, {}))
            (void)view.remove(Caller{}, *parsed);  // cannot fail: domain 0 removes a node that exists
    commit(changes);
}

}  // namespace rf::store
