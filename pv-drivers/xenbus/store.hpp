// SPDX-License-Identifier: MIT
#pragma once
/// What a backend asks of the XenStore. Programs put a connection behind it, tests a map.

#include <cerrno>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "xen/error.hpp"
#include "xenbus/state.hpp"

namespace rf::xenbus {

template <class T>
using Result = xen::Result<T>;

/// A name below some directory, and its value.
struct Node {
    std::string name;
    std::string value;
};

class Store {
public:
    virtual ~Store() = default;

    /// The value, or nothing if the node does not exist (or its owner hides it from us).
    [[nodiscard]] virtual Result<std::optional<std::string>> read(std::string_view path) = 0;
    /// Names of the children; none if the directory does not exist.
    [[nodiscard]] virtual Result<std::vector<std::string>> list(std::string_view path) = 0;

    /// Whether the directory was there to be updated.
    enum class Updated { no, yes };
    /// Writes all nodes below `directory` in one transaction, but only if the directory still exists: a device that the
    /// toolstack has removed must not come back as a ghost.
    [[nodiscard]] virtual Result<Updated> update(std::string_view directory, std::span<const Node> nodes) = 0;
};

/// Reads a number that a guest wrote: ENOENT if there is none, EINVAL if it is no number from 0 to `most`.
[[nodiscard]] inline Result<std::uint32_t> read_number(Store& store, const std::string& path, std::uint32_t most)
{
    const auto text = store.read(path);
    if (!text)
        return std::unexpected(text.error());
    if (!*text)
        return xen::failure(ENOENT, "the guest has not written " + path);
    if (const auto number = parse_number(**text, most))
        return *number;
    return xen::failure(EINVAL, path + " is no number from 0 to " + std::to_string(most));
}

/// As `read_number`, but an absent node means `absent`.
[[nodiscard]] inline Result<std::uint32_t> read_number_or(Store& store, const std::string& path, std::uint32_t most,
                                                          std::uint32_t absent)
{
    auto number = read_number(store, path, most);
    if (!number && number.error().code == ENOENT)
        return absent;
    return number;
}

}  // namespace rf::xenbus
