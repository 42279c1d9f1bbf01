// SPDX-License-Identifier: MIT
#include "store/tree.hpp"

#include <algorithm>

#include "store/quota.hpp"

namespace rf::store {
namespace {

/// A name to look for, with its key.
struct Wanted {
    explicit Wanted(std::string_view text) : name(text), key(order_key(text)) {}

    [[nodiscard]] bool is_above(const Node& node) const
    {
        return node.key != key ? node.key < key : name.size() > order_key_characters && node.name < name;
    }
    [[nodiscard]] bool is(const Node& node) const
    {
        return node.key == key && node.name.size() == name.size() && (name.size() <= order_key_characters || node.name == name);
    }

    std::string_view name;
    std::uint64_t key;
};

/// Position among sorted children: of the child itself, or where it would go.
template <class Children>
auto position(Children& children, const Wanted& wanted)
{
    return std::lower_bound(children.begin(), children.end(), wanted,
                            [](const auto& child, const Wanted& sought) { return sought.is_above(*child); });
}

/// Makes the node behind `slot` ours alone, copying it if another tree shares it.
Node& own(std::shared_ptr<Node>& slot)
{
    if (slot.use_count() > 1)
        slot = std::make_shared<Node>(*slot);
    return *slot;
}

}  // namespace

const Node* Node::child(std::string_view child_name) const
{
    const Wanted wanted(child_name);
    const auto found = position(children, wanted);
    return found != children.end() && wanted.is(**found) ? found->get() : nullptr;
}

std::size_t Node::charge() const
{
    return name.size() + value.size() + permissions->size() * sizeof(Permission) + object_overhead;
}

Tree::Tree() : root_(std::make_shared<Node>())
{
    root_->permissions = owned_by(DomainKey{}, Access::none);
}

const Node* find_below(const Node& top, std::string_view relative)
{
    const Node* node = &top;
    if (relative.empty())
        return node;
    PathParts parts(relative);
    for (std::string_view part = parts.next(); node && !part.empty(); part = parts.next())
        node = node->child(part);
    return node;
}

const Node* Tree::find(std::string_view path) const
{
    return find_below(*root_, path == "/" ? std::string_view() : path);
}

Tree::Nearest Tree::nearest(std::string_view path) const
{
    Nearest result{root_.get(), path.substr(0, 1)};
    PathParts parts(path);
    for (std::string_view part = parts.next(); !part.empty(); part = parts.next()) {
        const Node* next = result.node->child(part);
        if (!next)
            break;
        result = {next, path.substr(0, static_cast<std::size_t>(part.data() + part.size() - path.data()))};
    }
    return result;
}

Node& Tree::writable(std::string_view path)
{
    Node* node = &own(root_);
    PathParts parts(path);
    for (std::string_view part = parts.next(); !part.empty(); part = parts.next())
        node = &own(*position(node->children, Wanted(part)));
    return *node;
}

const Node& Tree::set_value(std::string_view path, std::string_view value, std::uint64_t generation)
{
    Node& node = writable(path);
    node.value = value;
    node.generation = generation;
    return node;
}

void Tree::set_permissions(std::string_view path, Permissions permissions, std::uint64_t generation)
{
    Node& node = writable(path);
    node.permissions = std::move(permissions);
    node.generation = generation;
}

void Tree::insert(const Path& path, std::string_view value, Permissions permissions, std::uint64_t generation)
{
    Node& parent = writable(path.parent().text());
    auto node = std::make_shared<Node>();
    const Wanted wanted(path.name());
    node->name = wanted.name;
    node->key = wanted.key;
    node->value = value;
    node->permissions = std::move(permissions);
    node->generation = generation;
    node->children_generation = generation;
    parent.children.insert(position(parent.children, wanted), std::move(node));
    parent.children_generation = generation;
}

std::shared_ptr<const Node> Tree::remove(const Path& path, std::uint64_t generation)
{
    Node& parent = writable(path.parent().text());
    const auto found = position(parent.children, Wanted(path.name()));
    std::shared_ptr<const Node> taken = std::move(*found);
    parent.children.erase(found);
    parent.children_generation = generation;
    return taken;
}

}  // namespace rf::store
