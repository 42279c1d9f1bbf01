// SPDX-License-Identifier: MIT
#pragma once
/// The store's tree as a value. Copying a Tree is O(1) and gives an independent tree: nodes are shared and a node that two
/// trees share is copied before it changes ("copy on write along the path"). No permissions, quotas or watches here.
/// Invariants: the root always exists; children are sorted by name (by its key first); a node's depth is bounded by absolute_path_max, which
/// also bounds the recursion of destructors.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/path.hpp"
#include "store/permission.hpp"

namespace rf::store {

struct Node {
    std::string name;
    std::uint64_t key = 0;                  ///< order_key of the name
    std::string value;
    Permissions permissions;
    std::uint64_t generation = 0;           ///< changes with value, permissions and re-creation
    std::uint64_t children_generation = 0;  ///< changes when a child is added or removed
    std::vector<std::shared_ptr<Node>> children;

    [[nodiscard]] const Node* child(std::string_view child_name) const;
    /// Memory that the node is charged for, in bytes; its children are charged by themselves.
    [[nodiscard]] std::size_t charge() const;
};

class Tree {
public:
    /// A tree of one root node that domain 0 owns and nobody else may read.
    Tree();

    [[nodiscard]] const Node& root() const { return *root_; }
    /// The node at `path`, or nullptr. Valid until the tree changes.
    [[nodiscard]] const Node* find(std::string_view path) const;
    /// The deepest existing node on the way to `path` (the node itself if it exists), with its path.
    struct Nearest {
        const Node* node;
        std::string_view path;
    };
    [[nodiscard]] Nearest nearest(std::string_view path) const;

    /// Changes an existing node; valid as that of `find`.
    const Node& set_value(std::string_view path, std::string_view value, std::uint64_t generation);
    void set_permissions(std::string_view path, Permissions permissions, std::uint64_t generation);
    /// Adds a node below an existing parent; there must be none of that name.
    void insert(const Path& path, std::string_view value, Permissions permissions, std::uint64_t generation);
    /// Takes an existing node other than the root, with all below it, out of the tree.
    std::shared_ptr<const Node> remove(const Path& path, std::uint64_t generation);

    /// Visits every node with its path, parents first, without recursion.
    template <class Visitor>
    void visit(Visitor&& visitor) const
    {
        visit_below(*root_, "/", visitor);
    }
    template <class Visitor>
    static void visit_below(const Node& top, std::string_view path, Visitor&& visitor)
    {
        std::vector<std::pair<const Node*, std::string>> open{{&top, std::string(path)}};
        while (!open.empty()) {
            auto [node, node_path] = std::move(open.back());
            open.pop_back();
            visitor(*node, std::string_view(node_path));
            if (node_path == "/")
                node_path.clear();
            for (auto child = node->children.rbegin(); child != node->children.rend(); ++child)
                open.emplace_back(child->get(), node_path + "/" + (*child)->name);
        }
    }

private:
    [[nodiscard]] Node& writable(std::string_view path);

    std::shared_ptr<Node> root_;
};

/// Finds the node at `relative` ("/x/y", or empty for `top` itself) below `top`, or nullptr.
[[nodiscard]] const Node* find_below(const Node& top, std::string_view relative);

}  // namespace rf::store
