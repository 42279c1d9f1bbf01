// SPDX-License-Identifier: MIT
#include "store/tree.hpp"

#include <algorithm>

#include "store/quota.hpp"

namespace rf::store {
namespace {

/// Position of `name` among sorted children: of the child itself, or where it would go.
template <class Children>
auto position(Children& children, std::string_view name)
{
    return std::lower_bound(children.begin(), children.end(), name,
                            [](const auto& child, std::string_view wanted) { return child->name < wanted; });
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
    const auto found = position(children, child_name);
    return found != children.end() && (*found)->name == child_name ? found->get() : nullptr;
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
        node = &own(*position(node->children, part));
    return *node;
}

void Tree::set_value(std::string_view path, std::string_view value, std::uint64_t generation)
{
    Node& node = writable(path);
    node.value = value;
    node.generation = generation;
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
    node->name = path.name();
    node->value = value;
    node->permissions = std::move(permissions);
    node->generation = generation;
    node->children_generation = generation;
    parent.children.insert(position(parent.children, path.name()), std::move(node));
    parent.children_generation = generation;
}

std::shared_ptr<const Node> Tree::remove(const Path& path, std::uint64_t generation)
{
    Node& parent = writable(path.parent().text());
    const auto found = position(parent.children, path.name());
    std::shared_ptr<const Node> taken = std::move(*found);
    parent.children.erase(found);
    parent.children_generation = generation;
    return taken;
}

}  // namespace rf::store
