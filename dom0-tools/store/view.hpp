// SPDX-License-Identifier: MIT
#pragma once
/// The node operations of the protocol on one tree: permissions and quotas are checked first, then the tree, the ledger and
/// the list of changes are altered, which cannot fail. The same code serves direct requests (on the live tree) and
/// transactions (on their own tree and a difference ledger).

#include <memory>
#include <vector>

#include "store/quota.hpp"
#include "store/tree.hpp"

namespace rf::store {

/// One node that came, changed or went.
struct Change {
    /// `implied` marks parents that were created on the way; watches are told of the requested node only.
    enum class Kind { put, implied, removed };

    Kind kind = Kind::put;
    Path path;
    Permissions before;                   ///< permissions before the change; null for a new node
    std::shared_ptr<const Node> removed;  ///< the subtree that went
};

/// A request that alters the tree, kept as a value so that a transaction can run it again at its commit.
struct Operation {
    enum class Kind { write, make_directory, remove, set_permissions };

    Kind kind = Kind::write;
    Path path;
    std::string value;        ///< for write
    Permissions permissions;  ///< for set_permissions
};

class View {
public:
    /// `changes` may be null: nobody wants to know.
    View(Tree& tree, Ledger& ledger, std::uint64_t& generation, const Quota& quota, std::vector<Change>* changes)
        : tree_(tree), ledger_(ledger), generation_(generation), quota_(quota), changes_(changes) {}

    /// The node if `caller` may read it: for READ, DIRECTORY, GET_PERMS.
    [[nodiscard]] Result<const Node*> readable(const Caller& caller, const Path& path) const;
    /// Sets a value; creates the node and its missing parents.
    [[nodiscard]] Result<void> write(const Caller& caller, const Path& path, std::string_view value);
    /// Creates a node if there is none.
    [[nodiscard]] Result<void> make_directory(const Caller& caller, const Path& path);
    /// Removes a node and all below it. Fine if it was not there but its parent is.
    [[nodiscard]] Result<void> remove(const Caller& caller, const Path& path);
    [[nodiscard]] Result<void> set_permissions(const Caller& caller, const Path& path, Permissions permissions);
    /// The node that the last `write` has changed, unless it made it; valid until the tree changes.
    [[nodiscard]] const Node* written() const { return written_; }
    /// Any of the four above.
    [[nodiscard]] Result<void> apply(const Caller& caller, const Operation& operation);

private:
    [[nodiscard]] Error missing(const Caller& caller, const Path& path, Access need) const;
    [[nodiscard]] Result<void> create(const Caller& caller, const Path& path, std::string_view value);
    void note(Change::Kind kind, const Path& path, const Permissions& before, std::shared_ptr<const Node> removed = nullptr);
    [[nodiscard]] bool affordable(const Caller& caller, DomainKey owner, Usage more) const;

    Tree& tree_;
    Ledger& ledger_;
    std::uint64_t& generation_;
    const Quota& quota_;
    std::vector<Change>* changes_;
    const Node* written_ = nullptr;
};

}  // namespace rf::store
