// SPDX-License-Identifier: MIT
#pragma once
/// A XenStore made of one map.

#include <map>
#include <string>

#include "xenbus/store.hpp"

namespace rf::test {

class FakeStore final : public xenbus::Store {
public:
    std::map<std::string, std::string> nodes;
    int operations_left = -1;      ///< then one fails, as when the store dies; negative: none does
    bool dies_after_doing = false; ///< that one is done, but its answer is lost

    xenbus::Result<std::optional<std::string>> read(std::string_view path) override
    {
        if (dies())
            return xen::failure(EPIPE, "the store is gone");
        const auto node = nodes.find(std::string(path));
        return node == nodes.end() ? std::nullopt : std::optional(node->second);
    }

    xenbus::Result<std::vector<std::string>> list(std::string_view path) override
    {
        std::vector<std::string> names;
        const std::string prefix = std::string(path) + "/";
        for (const auto& [name, value] : nodes)
            if (name.starts_with(prefix)) {
                const std::string child = name.substr(prefix.size(), name.find('/', prefix.size()) - prefix.size());
                if (names.empty() || names.back() != child)
                    names.push_back(child);
            }
        return names;
    }

    xenbus::Result<Updated> update(std::string_view directory, std::span<const xenbus::Node> written) override
    {
        const bool lost = dies();
        if (lost && !dies_after_doing)
            return xen::failure(EPIPE, "the store is gone");
        if (list(directory)->empty())
            return Updated::no;
        for (const xenbus::Node& node : written)
            nodes[std::string(directory) + "/" + node.name] = node.value;
        if (lost)
            return xen::failure(EPIPE, "the store is gone");
        return Updated::yes;
    }

private:
    bool dies() { return operations_left >= 0 && operations_left-- == 0; }
};

}  // namespace rf::test
