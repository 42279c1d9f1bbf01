// SPDX-License-Identifier: MIT
#pragma once
/// One open transaction: the tree as it was at the start (kept, O(1)), a private tree that takes the writes, the paths that
/// were looked at, and the log of writes. Commit validates every touched path against the live tree, replays the log on a
/// copy of the live tree, and hands that copy over to be swapped in: all or nothing. If the live tree is still the very tree of
/// the start and the client has no quota to be checked again, the private tree is what a replay would give, and is handed over.

#include <functional>
#include <unordered_map>
#include <vector>

#include "store/view.hpp"

namespace rf::store {

class Transaction {
public:
    /// `lost` marks a transaction begun before the store restarted: it works on a fresh copy but can only end in `again`.
    enum class Fate { open, lost };

    /// `ledger` and `quota` must outlive the transaction; `live` is copied in O(1), `generation` is its latest.
    Transaction(const Tree& live, std::uint64_t generation, const Ledger& ledger, const Quota& quota, Fate fate)
        : start_(live), own_(live), quota_(quota), differences_(&ledger), fate_(fate), generation_(generation) {}

    /// What part of a node a request depends on.
    enum class Part { node, children };

    /// Reads within the transaction; remembers the dependency.
    [[nodiscard]] Result<const Node*> readable(const Caller& caller, const Path& path, Part part);
    /// Writes within the transaction.
    [[nodiscard]] Result<void> apply(const Caller& caller, Operation operation);

    /// What a successful commit puts in place.
    struct Outcome {
        Tree tree;
        Ledger differences;
        std::vector<Change> changes;  ///< at most one per path
    };
    /// `again` when a touched path differs from the start; `no_space` when a replayed write exceeds a quota by now.
    [[nodiscard]] Result<Outcome> commit(const Caller& caller, const Tree& live, const Ledger& ledger,
                                         std::uint64_t& generation);

    /// Memory held by the log and the dependencies, in bytes.
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    void touch(const Path& path, Part part);
    void touch(std::string_view path, Part part);
    [[nodiscard]] bool has_room(const Caller& caller) const;
    [[nodiscard]] bool unchanged(const Tree& live) const;

    Tree start_;
    Tree own_;
    const Quota& quota_;
    Ledger differences_;
    Fate fate_;
    std::uint64_t generation_;                                  ///< of the private tree; counts on from the start's
    std::vector<Change> changes_;                               ///< of the private tree; only for privileged clients
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view path) const { return std::hash<std::string_view>()(path); }
    };
    std::unordered_map<std::string, unsigned, Hash, std::equal_to<>> touched_;  ///< path to set of Part bits
    std::vector<Operation> log_;
    std::size_t bytes_ = 0;
};

/// Merges several changes of one path into one, keeping the first order.
[[nodiscard]] std::vector<Change> merge_changes(std::vector<Change> changes);

}  // namespace rf::store
