// SPDX-License-Identifier: MIT
#pragma once
/// What the readers of single elements share: the place of messages, warnings, and dispatch of children by name.

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/element.hpp"
#include "config/problem.hpp"
#include "config/domain_reader.hpp"
#include "config/values.hpp"

namespace rf::config {

/// Evaluates a Result; yields its value or leaves the function with its problem.
#define CONFIG_TRY(expression)                                                                                         \
    ({                                                                                                                 \
        auto result_ = (expression);                                                                                   \
        if (!result_)                                                                                                  \
            return std::unexpected(std::move(result_.error()));                                                        \
        std::move(*result_);                                                                                           \
    })
#define CONFIG_CHECK(expression)                                                                                       \
    do {                                                                                                               \
        if (auto result_ = (expression); !result_)                                                                     \
            return std::unexpected(std::move(result_.error()));                                                        \
    } while (false)

class Reading {
public:
    Reading(const ReadOptions& options, std::vector<Problem>& warnings) : options_(options), warnings_(warnings) {}

    [[nodiscard]] Problem problem(const Element& element, std::string what) const
    {
        return {{options_.file, element.line, element.column}, element.name, std::move(what)};
    }
    [[nodiscard]] std::unexpected<Problem> refuse(const Element& element, std::string what) const
    {
        return std::unexpected(problem(element, std::move(what)));
    }
    void warn(const Element& element, std::string what) { warnings_.push_back(problem(element, std::move(what))); }

    /// An element or attribute value that is not understood.
    [[nodiscard]] Result<void> unknown(const Element& element)
    {
        if (options_.unknown == Unknown::refuse)
            return refuse(element, "unknown element (--strict)");
        warn(element, "not known: kept in the definition, without effect");
        return {};
    }

    /// The number in an element's text, within [low, high].
    [[nodiscard]] Result<std::uint64_t> number(const Element& element, std::uint64_t low, std::uint64_t high) const
    {
        return number_of(element, element.trimmed_text(), "", low, high);
    }
    /// The number in an attribute, within [low, high]; nullopt when it is absent.
    [[nodiscard]] Result<std::optional<std::uint64_t>> number(const Element& element, std::string_view attribute,
                                                              std::uint64_t low, std::uint64_t high) const
    {
        const auto text = element.attribute(attribute);
        if (!text)
            return std::nullopt;
        auto value = number_of(element, *text, std::string(attribute) + "=", low, high);
        if (!value)
            return std::unexpected(std::move(value.error()));
        return *value;
    }
    /// One of a fixed set of words; `what` names the place in the message.
    template <class T>
    [[nodiscard]] Result<T> word(const Element& element, std::string_view text, std::string_view what,
                                 std::span<const std::pair<std::string_view, T>> words) const
    {
        const auto found = std::ranges::find(words, text, &std::pair<std::string_view, T>::first);
        if (found != words.end())
            return found->second;
        std::string message = std::string(what) + "'" + std::string(text) + "' is not one of";
        for (const auto& [name, value] : words)
            message += " " + std::string(name);
        return refuse(element, std::move(message));
    }

    /// How a child element is treated: read by a function of the reader, or passed over.
    template <class Reader>
    struct Child {
        std::string_view name;
        Result<void> (Reader::*read)(const Element&) = nullptr;  ///< null: known and of no effect
    };
    /// Hands each child to its reader; elements of foreign namespaces are passed over, unknown ones are reported.
    template <class Reader>
    [[nodiscard]] Result<void> read_children(Reader& reader, const Element& parent, std::span<const Child<Reader>> known)
    {
        for (const Element& child : parent.children) {
            if (!child.name_space.empty())
                continue;
            const auto found = std::ranges::find(known, child.name, &Child<Reader>::name);
            if (found == known.end()) {
                CONFIG_CHECK(unknown(child));
            } else if (found->read) {
                CONFIG_CHECK((reader.*found->read)(child));
            }
        }
        return {};
    }

private:
    [[nodiscard]] Result<std::uint64_t> number_of(const Element& element, std::string_view text, const std::string& what,
                                                  std::uint64_t low, std::uint64_t high) const
    {
        const auto value = parse_number(text);
        if (!value || *value < low || *value > high)
            return refuse(element, what + "'" + std::string(text) + "' is not a number from " + std::to_string(low) + " to " +
                                       std::to_string(high));
        return *value;
    }

    const ReadOptions& options_;
    std::vector<Problem>& warnings_;
};

}  // namespace rf::config
