// SPDX-License-Identifier: MIT
#pragma once
/// An XML element as a value. Comments and processing instructions are not kept; character data are joined.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rf::config {

struct Attribute {
    std::string name;
    std::string value;
};

struct Element {
    std::string name;         ///< local name
    std::string name_space;   ///< URI, or empty
    unsigned line = 0;        ///< of the '<'
    unsigned column = 0;
    std::string text;         ///< character data directly inside
    std::vector<Attribute> attributes;
    std::vector<Element> children;

    [[nodiscard]] std::optional<std::string_view> attribute(std::string_view wanted) const
    {
        const auto found = std::ranges::find(attributes, wanted, &Attribute::name);
        return found == attributes.end() ? std::nullopt : std::optional<std::string_view>(found->value);
    }
    /// The first child of that name, or null.
    [[nodiscard]] const Element* child(std::string_view wanted) const
    {
        const auto found = std::ranges::find(children, wanted, &Element::name);
        return found == children.end() ? nullptr : &*found;
    }
    /// The text without white space around it.
    [[nodiscard]] std::string_view trimmed_text() const
    {
        constexpr std::string_view space = " \t\r\n";
        const std::size_t first = text.find_first_not_of(space);
        if (first == std::string::npos)
            return {};
        return std::string_view(text).substr(first, text.find_last_not_of(space) - first + 1);
    }
};

}  // namespace rf::config
