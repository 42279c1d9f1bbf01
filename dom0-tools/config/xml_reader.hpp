// SPDX-License-Identifier: MIT
#pragma once
/// The one door to libxml2: text to a tree of elements, or a located problem. Definitions may come from untrusted users:
/// no document type, so no entities but the five predefined ones; no network; limits on size, depth and number of elements.

#include <string_view>

#include "config/element.hpp"
#include "config/problem.hpp"

namespace rf::config {

inline constexpr std::size_t most_definition_bytes = 1u << 20;
inline constexpr unsigned most_depth = 32;
inline constexpr unsigned most_elements = 10000;

/// Reads a whole document in UTF-8; `file` is for messages only.
[[nodiscard]] Result<Element> read_xml(std::string_view text, const std::string& file);

}  // namespace rf::config
