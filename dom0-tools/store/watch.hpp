// SPDX-License-Identifier: MIT
#pragma once
/// All registered watches, indexed by path. A watch hears of its own path, of everything below it, and of its own node
/// going away together with a parent. Who may hear what is decided by the caller of `fire`.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/path.hpp"

namespace rf::store {

using ConnectionId = std::uint32_t;

struct Watch {
    ConnectionId connection = 0;
    std::string path;   ///< absolute path, or special name
    std::string token;  ///< chosen by the client, returned with each event
    std::string home;   ///< home directory to strip from event paths; empty if the client gave an absolute path

    /// The event path as this client expects to see it.
    [[nodiscard]] std::string shown(std::string_view absolute) const;
    /// Memory charged for it, in bytes.
    [[nodiscard]] std::size_t charge() const;
};

class WatchTable {
public:
    /// `exists` if the connection has a watch of this path and token already.
    [[nodiscard]] Result<void> add(Watch watch);
    /// `not_found` if there is no such watch. Gives back the removed watch.
    [[nodiscard]] Result<Watch> remove(ConnectionId connection, std::string_view path, std::string_view token);
    /// Removes all watches of a connection and returns them.
    std::vector<Watch> remove_all(ConnectionId connection);

    [[nodiscard]] std::size_t count(ConnectionId connection) const;
    [[nodiscard]] std::vector<const Watch*> of(ConnectionId connection) const;

    using Visitor = std::function<void(const Watch&)>;
    /// Visits the watches on `path` and on each of its ancestors (for a special name: on that name only).
    void visit_upward(const Path& path, const Visitor& visitor) const;
    /// Visits the watches strictly below `path`.
    void visit_below(const Path& path, const Visitor& visitor) const;

private:
    void visit_exact(std::string_view path, const Visitor& visitor) const;

    std::map<std::string, std::vector<Watch>, std::less<>> by_path_;
    std::vector<std::uint32_t> paths_of_length_;  ///< how many of them: of most lengths there are none, and then there is nothing to search
    std::map<ConnectionId, std::set<std::pair<std::string, std::string>>> by_connection_;  ///< (path, token)
};

}  // namespace rf::store
