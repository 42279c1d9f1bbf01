// SPDX-License-Identifier: MIT
#pragma once
/// The simplest thing that could be a store: a map from path to value and permissions, transactions as whole copies of it,
/// and a list of watches. It knows permissions, conflicts, events and the quotas of nodes and watches; others are kept out of reach.

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rf::store {

struct ModelNode {
    std::string value;
    int owner = 0;
    char others = 'n';
    std::map<int, char> named;
    int version = 0;           ///< of value and permissions
    int children_version = 0;
};

inline bool allows(char letter, char need)
{
    return letter == 'b' || letter == need;
}

/// One node that came, changed or went, as watchers are told of it.
struct ModelChange {
    enum class Kind { put, implied, removed };

    Kind kind = Kind::put;
    std::string path;
    std::optional<ModelNode> before;          ///< nothing for a new node
    std::map<std::string, ModelNode> removed; ///< the subtree that went, by path
};
using ModelChanges = std::vector<ModelChange>;

/// Changes of a transaction: each path once, at its first place, as what became of it last.
inline ModelChanges merged(const ModelChanges& changes)
{
    using Kind = ModelChange::Kind;
    ModelChanges once;
    for (const ModelChange& change : changes) {
        const auto earlier = std::find_if(once.begin(), once.end(), [&](const auto& each) { return each.path == change.path; });
        if (earlier == once.end()) {
            once.push_back(change);
            continue;
        }
        if (change.kind != Kind::implied || earlier->kind == Kind::removed)
            earlier->kind = change.kind;
        if (earlier->removed.empty())
            earlier->removed = change.removed;
    }
    return once;
}

class Model {
public:
    using Nodes = std::map<std::string, ModelNode>;

    int most_nodes = 1000; ///< that a guest may own

    Model() { live_["/"] = {}; }

    Nodes& live() { return live_; }
    int next_version() { return ++version_; }

    static char access(const ModelNode& node, int who)
    {
        if (who == 0 || node.owner == who)
            return 'b';
        const auto named = node.named.find(who);
        return named == node.named.end() ? node.others : named->second;
    }
    static std::string parent_of(const std::string& path)
    {
        const std::size_t slash = path.rfind('/');
        return slash == 0 ? "/" : path.substr(0, slash);
    }
    static std::string nearest(const Nodes& nodes, std::string path)
    {
        while (!nodes.contains(path))
            path = parent_of(path);
        return path;
    }
    static std::string missing(const Nodes& nodes, const std::string& path, int who, char need)
    {
        return allows(access(nodes.at(nearest(nodes, path)), who), need) ? "ENOENT" : "EACCES";
    }

    std::string read(const Nodes& nodes, int who, const std::string& path)
    {
        const auto node = nodes.find(path);
        if (node == nodes.end())
            return missing(nodes, path, who, 'r');
        return allows(access(node->second, who), 'r') ? node->second.value : "EACCES";
    }

    std::string list(const Nodes& nodes, int who, const std::string& path)
    {
        const std::string checked = read(nodes, who, path);
        if (!nodes.contains(path) || !allows(access(nodes.at(path), who), 'r'))
            return checked;
        std::string names;
        for (const auto& [other, node] : nodes)
            if (other != "/" && parent_of(other) == path)
                names += (names.empty() ? "" : ",") + other.substr(other.rfind('/') + 1);
        return names;
    }

    static int owned(const Nodes& nodes, int who)
    {
        return static_cast<int>(std::count_if(nodes.begin(), nodes.end(), [&](const auto& each) { return each.second.owner == who; }));
    }

    /// `others`: nodes that `who` owns besides those in `nodes`.
    std::string write(Nodes& nodes, int who, const std::string& path, const std::string& value, ModelChanges& changes, int others = 0)
    {
        if (const auto node = nodes.find(path); node != nodes.end()) {
            if (!allows(access(node->second, who), 'w'))
                return "EACCES";
            changes.push_back({ModelChange::Kind::put, path, node->second, {}});
            node->second.value = value;
            node->second.version = next_version();
            return "OK";
        }
        if (const std::string error = missing(nodes, path, who, 'w'); error != "ENOENT")
            return error;
        std::vector<std::string> fresh{path};
        while (!nodes.contains(parent_of(fresh.back())))
            fresh.push_back(parent_of(fresh.back()));
        std::reverse(fresh.begin(), fresh.end());
        if (who != 0 && owned(nodes, who) + others + static_cast<int>(fresh.size()) > most_nodes)
            return "ENOSPC";
        for (const std::string& each : fresh) {
            changes.push_back({each == path ? ModelChange::Kind::put : ModelChange::Kind::implied, each, {}, {}});
            ModelNode& parent = nodes.at(parent_of(each));
            parent.children_version = next_version();
            ModelNode node = parent;
            node.value = each == path ? value : "";
            if (who != 0)
                node.owner = who;
            node.version = node.children_version = next_version();
            nodes[each] = node;
        }
        return "OK";
    }

    std::string remove(Nodes& nodes, int who, const std::string& path, ModelChanges& changes)
    {
        const auto node = nodes.find(path);
        if (node == nodes.end()) {
            const std::string error = missing(nodes, path, who, 'w');
            return error == "ENOENT" && nodes.contains(parent_of(path)) ? "OK" : error;
        }
        if (!allows(access(node->second, who), 'w'))
            return "EACCES";
        ModelChange change{ModelChange::Kind::removed, path, node->second, {}};
        for (const auto& [each, gone] : nodes)
            if (each == path || each.starts_with(path + "/"))
                change.removed[each] = gone;
        nodes.at(parent_of(path)).children_version = next_version();
        std::erase_if(nodes, [&](const auto& entry) { return change.removed.contains(entry.first); });
        changes.push_back(std::move(change));
        return "OK";
    }

    std::string chmod(Nodes& nodes, int who, const std::string& path, int owner, char others, int named, char access_named,
                      ModelChanges& changes)
    {
        const auto node = nodes.find(path);
        if (node == nodes.end())
            return missing(nodes, path, who, 'w');
        if (who != 0 && node->second.owner != who)
            return "EACCES";
        if (who != 0 && node->second.owner != owner)
            return "EPERM";
        changes.push_back({ModelChange::Kind::put, path, node->second, {}});
        node->second.owner = owner;
        node->second.others = others;
        node->second.named = {{named, access_named}};
        node->second.version = next_version();
        return "OK";
    }

private:
    Nodes live_;
    int version_ = 0;
};

/// A transaction of the model: its start, its own copy, what it touched, what it did.
struct ModelTransaction {
    int who = 0;
    std::uint32_t id = 0;
    Model::Nodes start;
    Model::Nodes own;
    std::map<std::string, bool> touched;  ///< path to "its children too"
    std::vector<std::function<std::string(Model::Nodes&, ModelChanges&, int)>> log;

    void touch(const std::string& path, bool children = false)
    {
        touched[path] |= children;
        const std::string near = Model::nearest(start, path);
        if (near != path)
            touched.try_emplace(near, false);
    }
    [[nodiscard]] bool conflicts(const Model::Nodes& live) const
    {
        for (const auto& [path, children] : touched) {
            const auto then = start.find(path);
            const auto now = live.find(path);
            if ((then == start.end()) != (now == live.end()))
                return true;
            if (then != start.end() && (then->second.version != now->second.version ||
                                        (children && then->second.children_version != now->second.children_version)))
                return true;
        }
        return false;
    }
};

/// Who watches what, and what they hear.
class ModelWatches {
public:
    struct Watch {
        int who;
        std::string path;
        std::string token;
    };

    std::size_t most = 100; ///< of one guest

    std::string add(int who, const std::string& path, const std::string& token)
    {
        const auto mine = std::count_if(watches_.begin(), watches_.end(), [&](const Watch& each) { return each.who == who; });
        if (who != 0 && static_cast<std::size_t>(mine) >= most)
            return "ENOSPC";
        if (find(who, path, token) != watches_.end())
            return "EEXIST";
        watches_.push_back({who, path, token});
        tell(watches_.back(), path);
        return "OK";
    }
    std::string remove(int who, const std::string& path, const std::string& token)
    {
        const auto found = find(who, path, token);
        if (found == watches_.end())
            return "ENOENT";
        watches_.erase(found);
        return "OK";
    }
    /// `nodes` is the tree after the changes. A watch hears of its node, of all below it, and of its node going with a parent.
    void fire(const ModelChanges& changes, const Model::Nodes& nodes)
    {
        for (const ModelChange& change : changes) {
            if (change.kind == ModelChange::Kind::implied && change.removed.empty())
                continue;
            for (std::string at = change.path;; at = Model::parent_of(at)) {
                for (const Watch& watch : watches_)
                    if (watch.path == at && may_hear(watch.who, change, nodes))
                        tell(watch, change.path);
                if (at == "/")
                    break;
            }
            for (const auto& [path, gone] : change.removed)
                if (path != change.path)
                    for (const Watch& watch : watches_)
                        if (watch.path == path && allows(Model::access(gone, watch.who), 'r'))
                            tell(watch, path);
        }
    }
    std::vector<std::string> take(int who) { return std::exchange(told_[who], {}); }

private:
    [[nodiscard]] std::vector<Watch>::iterator find(int who, const std::string& path, const std::string& token)
    {
        return std::find_if(watches_.begin(), watches_.end(),
                            [&](const Watch& each) { return each.who == who && each.path == path && each.token == token; });
    }
    void tell(const Watch& watch, const std::string& path) { told_[watch.who].push_back(path + "|" + watch.token); }
    /// Who could read the node before, or can now, or could see it come and go in its parent's list.
    static bool may_hear(int who, const ModelChange& change, const Model::Nodes& nodes)
    {
        if (who == 0 || (change.before && allows(Model::access(*change.before, who), 'r')))
            return true;
        const auto gone = change.removed.find(change.path);
        const auto now = nodes.find(change.path);
        const ModelNode* node = gone != change.removed.end() ? &gone->second : now != nodes.end() ? &now->second : nullptr;
        if (node && allows(Model::access(*node, who), 'r'))
            return true;
        return allows(Model::access(nodes.at(Model::nearest(nodes, Model::parent_of(change.path))), who), 'r');
    }

    std::vector<Watch> watches_;
    std::map<int, std::vector<std::string>> told_;
};

}  // namespace rf::store
