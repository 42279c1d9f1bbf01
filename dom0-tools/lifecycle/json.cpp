// SPDX-License-Identifier: MIT
#include "lifecycle/json.hpp"

#include <boost/json/src.hpp>

namespace rf::lifecycle {
namespace {

constexpr std::size_t most_depth = 32;

/// Appends `value`; recursion is bounded because values are ours or were parsed with a depth limit.
void append(std::string& text, const json::value& value, std::size_t indent)
{
    const std::string inner(indent + 2, ' ');
    const std::string outer(indent, ' ');
    if (const auto* object = value.if_object(); object && !object->empty()) {
        const char* separator = "{\n";
        for (const auto& member : *object) {
            text += separator + inner + json::serialize(member.key()) + ": ";
            append(text, member.value(), indent + 2);
            separator = ",\n";
        }
        text += "\n" + outer + "}";
    } else if (const auto* array = value.if_array(); array && !array->empty()) {
        const char* separator = "[\n";
        for (const json::value& element : *array) {
            text += separator + inner;
            append(text, element, indent + 2);
            separator = ",\n";
        }
        text += "\n" + outer + "]";
    } else {
        text += json::serialize(value);
    }
}

}  // namespace

std::optional<json::value> parse_json(std::string_view text)
{
    json::error_code error;
    json::parse_options options;
    options.max_depth = most_depth;
    json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
    if (error)
        return std::nullopt;
    return value;
}

std::string compact_json(const json::value& value)
{
    return json::serialize(value);
}

std::string pretty_json(const json::value& value)
{
    std::string text;
    append(text, value, 0);
    return text + "\n";
}

}  // namespace rf::lifecycle
