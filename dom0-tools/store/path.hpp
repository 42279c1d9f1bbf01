// SPDX-License-Identifier: MIT
#pragma once
/// A valid, absolute store path: "/", or "/part/part", or a special name such as "@releaseDomain".
/// Invariants: only letters, digits and -/_@ ; no empty part, no trailing slash; at most `absolute_path_max` characters.

#include <cstdint>
#include <string>
#include <string_view>

#include "store/error.hpp"

namespace rf::store {

inline constexpr std::size_t absolute_path_max = 3072;
inline constexpr std::size_t relative_path_max = 2048;

class Path {
public:
    Path() : text_("/") {}

    /// Reads a client's path. A relative one is taken to lie below the client's own `home` (/local/domain/<id>).
    /// Special names are refused here; see `parse_special`.
    [[nodiscard]] static Result<Path> parse(std::string_view text, std::string_view home);
    /// As `parse`, but names that begin with '@' are accepted too.
    [[nodiscard]] static Result<Path> parse_special(std::string_view text, std::string_view home);

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] bool is_root() const { return text_ == "/"; }
    [[nodiscard]] bool is_special() const { return text_[0] == '@'; }
    [[nodiscard]] Path parent() const;
    /// Last part of the path; empty for the root.
    [[nodiscard]] std::string_view name() const;
    [[nodiscard]] Path child(std::string_view name) const;
    /// Whether this path is `ancestor` or lies below it.
    [[nodiscard]] bool is_within(std::string_view ancestor) const;

    friend bool operator==(const Path&, const Path&) = default;
    friend auto operator<=>(const Path&, const Path&) = default;

private:
    explicit Path(std::string text) : text_(std::move(text)) {}

    std::string text_;
};

/// Iterates the parts of an absolute path without allocating: for "/a/b" it yields "a", "b".
class PathParts {
public:
    explicit PathParts(std::string_view path) : rest_(path.substr(1)) {}
    /// The next part; empty at the end.
    std::string_view next()
    {
        // Parts are short: looking for their end costs less here than in a call.
        std::size_t end = 0;
        while (end < rest_.size() && rest_[end] != '/')
            ++end;
        const std::string_view part = rest_.substr(0, end);
        rest_.remove_prefix(end < rest_.size() ? end + 1 : end);
        return part;
    }

private:
    std::string_view rest_;
};

/// The first characters of a part as a number: parts are in the order of their keys, and parts of the same key in the order of
/// their text. Parts of at most eight characters are equal if their keys are.
[[nodiscard]] std::uint64_t order_key(std::string_view part);
inline constexpr std::size_t order_key_characters = 8;

/// Home directory of a domain, "/local/domain/<id>".
[[nodiscard]] std::string home_of(std::uint16_t domain);

}  // namespace rf::store
