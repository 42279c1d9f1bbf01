// SPDX-License-Identifier: MIT
#include "store/view.hpp"

#include <algorithm>

namespace rf::store {
namespace {

std::int64_t size_of(std::size_t bytes)
{
    return static_cast<std::int64_t>(bytes);
}

DomainKey owner_of(const Node& node)
{
    return node.permissions->front().domain;
}

}  // namespace

/// What to answer when `path` does not exist: its absence is told only to those who may look at the place where it would be.
Error View::missing(const Caller& caller, const Path& path, Access need) const
{
    const Node* above = tree_.nearest(path.text()).node;
    return includes(access_of(caller, *above->permissions), need) ? Error::not_found : Error::access_denied;
}

void View::note(Change::Kind kind, const Path& path, const Permissions& before, std::shared_ptr<const Node> removed)
{
    if (changes_)
        changes_->push_back({kind, path, before, std::move(removed)});
}

bool View::affordable(const Caller& caller, DomainKey owner, Usage more) const
{
    if (caller.is_privileged() || owner.id == 0)
        return true;
    const Usage used = ledger_.of(owner);
    return (more.nodes <= 0 || used.nodes + more.nodes <= size_of(quota_.nodes)) &&
           (more.bytes <= 0 || used.bytes + more.bytes <= size_of(quota_.bytes));
}

Result<const Node*> View::readable(const Caller& caller, const Path& path) const
{
    const Node* node = tree_.find(path.text());
    if (!node)
        return std::unexpected(missing(caller, path, Access::read));
    if (!includes(access_of(caller, *node->permissions), Access::read))
        return std::unexpected(Error::access_denied);
    return node;
}

Result<void> View::write(const Caller& caller, const Path& path, std::string_view value)
{
    if (!caller.is_privileged() && value.size() > quota_.value_bytes)
        return std::unexpected(Error::no_space);
    const Node* node = tree_.find(path.text());
    if (!node)
        return create(caller, path, value);
    if (!includes(access_of(caller, *node->permissions), Access::write))
        return std::unexpected(Error::access_denied);
    const Usage more{0, size_of(value.size()) - size_of(node->value.size())};
    if (!affordable(caller, owner_of(*node), more))
        return std::unexpected(Error::no_space);

    ledger_.add(owner_of(*node), more);
    note(Change::Kind::put, path, node->permissions);
    written_ = &tree_.set_value(path.text(), value, ++generation_);
    return {};
}

Result<void> View::make_directory(const Caller& caller, const Path& path)
{
    const Node* node = tree_.find(path.text());
    if (!node)
        return create(caller, path, {});
    if (!includes(access_of(caller, *node->permissions), Access::write))
        return std::unexpected(Error::access_denied);
    return {};
}

/// A new node takes its parent's permissions; made by an unprivileged domain, it belongs to that domain.
Result<void> View::create(const Caller& caller, const Path& path, std::string_view value)
{
    if (const Error error = missing(caller, path, Access::write); error != Error::not_found)
        return std::unexpected(error);
    const Tree::Nearest above = tree_.nearest(path.text());
    Permissions permissions = above.node->permissions;
    if (!caller.is_privileged() && permissions->front().domain != caller.domain) {
        PermissionList list = *permissions;
        list.front().domain = caller.domain;
        permissions = std::make_shared<const PermissionList>(std::move(list));
    }

    std::vector<Path> fresh{path};
    while (fresh.back().parent().text() != above.path)
        fresh.push_back(fresh.back().parent());
    std::reverse(fresh.begin(), fresh.end());
    Usage more{size_of(fresh.size()), size_of(value.size())};
    for (const Path& each : fresh)
        more.bytes += size_of(each.name().size() + permissions->size() * sizeof(Permission) + object_overhead);
    const DomainKey owner = permissions->front().domain;
    if (!affordable(caller, owner, more))
        return std::unexpected(Error::no_space);

    ledger_.add(owner, more);
    for (const Path& each : fresh) {
        const bool leaf = &each == &fresh.back();
        tree_.insert(each, leaf ? value : std::string_view(), permissions, ++generation_);
        note(leaf ? Change::Kind::put : Change::Kind::implied, each, nullptr);
    }
    return {};
}

Result<void> View::remove(const Caller& caller, const Path& path)
{
    const Node* node = tree_.find(path.text());
    if (!node) {
        const Error error = missing(caller, path, Access::write);
        if (error == Error::not_found && tree_.find(path.parent().text()))
            return {};
        return std::unexpected(error);
    }
    if (!includes(access_of(caller, *node->permissions), Access::write))
        return std::unexpected(Error::access_denied);
    if (path.is_root())
        return std::unexpected(Error::invalid);

    auto taken = tree_.remove(path, ++generation_);
    Tree::visit_below(*taken, path.text(), [this](const Node& gone, std::string_view) {
        ledger_.add(owner_of(gone), {-1, -size_of(gone.charge())});
    });
    note(Change::Kind::removed, path, taken->permissions, taken);
    return {};
}

Result<void> View::set_permissions(const Caller& caller, const Path& path, Permissions permissions)
{
    if (!caller.is_privileged() && permissions->size() > quota_.permissions)
        return std::unexpected(Error::no_space);
    const Node* node = tree_.find(path.text());
    if (!node)
        return std::unexpected(missing(caller, path, Access::write));
    if (!is_owner(caller, *node->permissions))
        return std::unexpected(Error::access_denied);
    const DomainKey old_owner = owner_of(*node);
    const DomainKey new_owner = permissions->front().domain;
    if (!caller.is_privileged() && new_owner != old_owner)
        return std::unexpected(Error::not_permitted);
    const std::int64_t old_charge = size_of(node->charge());
    const std::int64_t new_charge = old_charge + (size_of(permissions->size()) - size_of(node->permissions->size())) *
                                                     size_of(sizeof(Permission));
    if (!affordable(caller, new_owner, {0, new_charge - old_charge}))
        return std::unexpected(Error::no_space);

    ledger_.add(old_owner, {-1, -old_charge});
    ledger_.add(new_owner, {1, new_charge});
    note(Change::Kind::put, path, node->permissions);
    tree_.set_permissions(path.text(), std::move(permissions), ++generation_);
    return {};
}

Result<void> View::apply(const Caller& caller, const Operation& operation)
{
    switch (operation.kind) {
    case Operation::Kind::write: return write(caller, operation.path, operation.value);
    case Operation::Kind::make_directory: return make_directory(caller, operation.path);
    case Operation::Kind::remove: return remove(caller, operation.path);
    case Operation::Kind::set_permissions: return set_permissions(caller, operation.path, operation.permissions);
    }
    return std::unexpected(Error::invalid);
}

}  // namespace rf::store
