// SPDX-License-Identifier: MIT
#pragma once
/// JSON values: reading our own state files and writing what programs read.

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace rf::lifecycle {

namespace json = boost::json;

/// The value in a text; nullopt if it is not JSON or nested too deeply.
[[nodiscard]] std::optional<json::value> parse_json(std::string_view text);
/// One line.
[[nodiscard]] std::string compact_json(const json::value& value);
/// Indented by two spaces, with a line end.
[[nodiscard]] std::string pretty_json(const json::value& value);

}  // namespace rf::lifecycle
