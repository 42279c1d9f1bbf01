// SPDX-License-Identifier: MIT
#include "store/watch.hpp"

#include <algorithm>

#include "store/quota.hpp"

namespace rf::store {

std::string Watch::shown(std::string_view absolute) const
{
    if (!home.empty() && absolute.size() > home.size() + 1 && absolute.starts_with(home) && absolute[home.size()] == '/')
        absolute.remove_prefix(home.size() + 1);
    return std::string(absolute);
}

std::size_t Watch::charge() const
{
    return 2 * (path.size() + token.size()) + object_overhead;
}

Result<void> WatchTable::add(Watch watch)
{
    auto& mine = by_connection_[watch.connection];
    if (!mine.emplace(watch.path, watch.token).second)
        return std::unexpected(Error::exists);
    auto& slot = by_path_[watch.path];
    if (slot.empty()) {
        paths_of_length_.resize(std::max(paths_of_length_.size(), watch.path.size() + 1));
        ++paths_of_length_[watch.path.size()];
    }
    slot.push_back(std::move(watch));
    return {};
}

Result<Watch> WatchTable::remove(ConnectionId connection, std::string_view path, std::string_view token)
{
    const auto mine = by_connection_.find(connection);
    if (mine == by_connection_.end() || !mine->second.erase({std::string(path), std::string(token)}))
        return std::unexpected(Error::not_found);
    if (mine->second.empty())
        by_connection_.erase(mine);
    const auto slot = by_path_.find(path);
    const auto found = std::find_if(slot->second.begin(), slot->second.end(), [&](const Watch& watch) {
        return watch.connection == connection && watch.token == token;
    });
    Watch taken = std::move(*found);
    slot->second.erase(found);
    if (slot->second.empty()) {
        --paths_of_length_[path.size()];
        by_path_.erase(slot);
    }
    return taken;
}

std::vector<Watch> WatchTable::remove_all(ConnectionId connection)
{
    std::vector<Watch> taken;
    const auto mine = by_connection_.find(connection);
    if (mine == by_connection_.end())
        return taken;
    const auto keys = mine->second;
    for (const auto& [path, token] : keys)
        if (auto watch = remove(connection, path, token))
            taken.push_back(std::move(*watch));
    return taken;
}

std::size_t WatchTable::count(ConnectionId connection) const
{
    const auto mine = by_connection_.find(connection);
    return mine == by_connection_.end() ? 0 : mine->second.size();
}

std::vector<const Watch*> WatchTable::of(ConnectionId connection) const
{
    std::vector<const Watch*> watches;
    const auto mine = by_connection_.find(connection);
    if (mine == by_connection_.end())
        return watches;
    for (const auto& [path, token] : mine->second)
        for (const Watch& watch : by_path_.find(path)->second)
            if (watch.connection == connection && watch.token == token)
                watches.push_back(&watch);
    return watches;
}

void WatchTable::visit_exact(std::string_view path, const Visitor& visitor) const
{
    if (path.size() >= paths_of_length_.size() || paths_of_length_[path.size()] == 0)
        return;
    if (const auto slot = by_path_.find(path); slot != by_path_.end())
        for (const Watch& watch : slot->second)
            visitor(watch);
}

void WatchTable::visit_upward(const Path& path, const Visitor& visitor) const
{
    visit_exact(path.text(), visitor);
    if (path.is_special() || path.is_root())
        return;
    std::string_view above = path.text();
    for (std::size_t slash = above.rfind('/'); slash != 0; slash = above.rfind('/')) {
        above = above.substr(0, slash);
        visit_exact(above, visitor);
    }
    visit_exact("/", visitor);
}

void WatchTable::visit_below(const Path& path, const Visitor& visitor) const
{
    const std::string first = path.text() + "/";
    for (auto slot = by_path_.lower_bound(first); slot != by_path_.end() && slot->first.starts_with(first); ++slot)
        for (const Watch& watch : slot->second)
            visitor(watch);
}

}  // namespace rf::store
