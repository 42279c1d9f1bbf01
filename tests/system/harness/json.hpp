// SPDX-License-Identifier: MIT
// JSON as a program would read it: strictly. Only what stories ask for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rf::system {

struct Json {
    enum class Kind { null, boolean, number, text, array, object };
    Kind kind = Kind::null;
    std::string scalar;  ///< of a text the text, of numbers and booleans their spelling
    std::vector<Json> elements;
    std::map<std::string, Json> members;

    /// nullopt unless `text` is exactly one JSON value.
    [[nodiscard]] static std::optional<Json> parse(std::string_view text);
    /// The value at a path such as "domains.0.name"; null kind when there is none.
    [[nodiscard]] const Json& at(std::string_view path) const;
};

}  // namespace rf::system
