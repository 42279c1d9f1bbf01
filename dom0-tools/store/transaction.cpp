// SPDX-License-Identifier: MIT
#include "store/transaction.hpp"

#include <algorithm>

namespace rf::store {
namespace {

/// Of the tools' transactions.
constexpr std::size_t usual_writes = 32;
constexpr unsigned node_bit = 1;
constexpr unsigned children_bit = 2;

/// Whoever lists the children also depends on the node, whose permissions let him.
constexpr unsigned bit(Transaction::Part part)
{
    return part == Transaction::Part::node ? node_bit : node_bit | children_bit;
}

}  // namespace

void Transaction::touch(std::string_view path, Part part)
{
    const auto found = touched_.find(path);
    if (found != touched_.end()) {
        found->second |= bit(part);
        return;
    }
    touched_.emplace(path, bit(part));
    bytes_ += path.size() + object_overhead;
}

/// A path that does not exist also depends on where it would hang, whose permissions decide over it.
void Transaction::touch(const Path& path, Part part)
{
    touch(path.text(), part);
    const Tree::Nearest above = start_.nearest(path.text());
    if (above.path != path.text())
        touch(above.path, Part::node);
}

bool Transaction::has_room(const Caller& caller) const
{
    return caller.is_privileged() || log_.size() + touched_.size() < quota_.transaction_requests;
}

Result<const Node*> Transaction::readable(const Caller& caller, const Path& path, Part part)
{
    if (!has_room(caller))
        return std::unexpected(Error::no_space);
    touch(path, part);
    return View(own_, differences_, generation_, quota_, nullptr).readable(caller, path);
}

Result<void> Transaction::apply(const Caller& caller, Operation operation)
{
    if (!has_room(caller))
        return std::unexpected(Error::no_space);
    touch(operation.path, Part::node);
    if (log_.empty() && caller.is_privileged()) {
        log_.reserve(usual_writes);
        changes_.reserve(usual_writes);
    }
    auto done = View(own_, differences_, generation_, quota_, caller.is_privileged() ? &changes_ : nullptr).apply(caller, operation);
    if (!done)
        return done;
    bytes_ += operation.path.text().size() + operation.value.size() + object_overhead;
    log_.push_back(std::move(operation));
    return {};
}

bool Transaction::unchanged(const Tree& live) const
{
    for (const auto& [path, parts] : touched_) {
        const Node* then = start_.find(path);
        const Node* now = live.find(path);
        if (then == now)
            continue;
        if (!then || !now)
            return false;
        if ((parts & node_bit) && then->generation != now->generation)
            return false;
        if ((parts & children_bit) && then->children_generation != now->children_generation)
            return false;
    }
    return true;
}

Result<Transaction::Outcome> Transaction::commit(const Caller& caller, const Tree& live, const Ledger& ledger,
                                                 std::uint64_t& generation)
{
    if (fate_ == Fate::open && caller.is_privileged() && &start_.root() == &live.root()) {
        generation = std::max(generation, generation_);
        return Outcome{std::move(own_), std::move(differences_), merge_changes(std::move(changes_))};
    }
    if (fate_ == Fate::lost || !unchanged(live))
        return std::unexpected(Error::again);
    Outcome outcome{live, Ledger(&ledger), {}};
    View view(outcome.tree, outcome.differences, generation, quota_, &outcome.changes);
    outcome.changes.reserve(log_.size());
    for (const Operation& operation : log_)
        // Rights that changed at a place nobody touched: the client shall meet the refusal where it happens, on its next try.
        if (auto done = view.apply(caller, operation); !done)
            return std::unexpected(done.error() == Error::no_space ? Error::no_space : Error::again);
    outcome.changes = merge_changes(std::move(outcome.changes));
    return outcome;
}

std::vector<Change> merge_changes(std::vector<Change> changes)
{
    // Texts stay where they are: nothing is moved out of `merged`, which has room for all.
    std::unordered_map<std::string_view, std::size_t> first;
    std::vector<Change> merged;
    merged.reserve(changes.size());
    for (Change& change : changes) {
        const auto found = first.find(change.path.text());
        if (found == first.end()) {
            merged.push_back(std::move(change));
            first.emplace(merged.back().path.text(), merged.size() - 1);
            continue;
        }
        Change& earlier = merged[found->second];
        if (change.kind != Change::Kind::implied || earlier.kind == Change::Kind::removed)
            earlier.kind = change.kind;
        if (change.removed && !earlier.removed)
            earlier.removed = std::move(change.removed);
    }
    return merged;
}

}  // namespace rf::store
