// SPDX-License-Identifier: MIT
#pragma once
/// What is wrong in a domain definition, and where. Lines and columns count from 1.

#include <expected>
#include <string>

namespace rf::config {

struct Location {
    std::string file;  ///< as the user named it
    unsigned line = 0; ///< 0: concerns the file as a whole
    unsigned column = 0;

    friend bool operator==(const Location&, const Location&) = default;
};

struct Problem {
    Location where;
    std::string element;  ///< name of the element at fault; empty for malformed text
    std::string what;     ///< one sentence: what is wrong, and what would be right

    /// "file:line:column: <element>: what".
    [[nodiscard]] std::string text() const
    {
        std::string result = where.file;
        if (where.line)
            result += ":" + std::to_string(where.line) + ":" + std::to_string(where.column);
        if (!element.empty())
            result += ": <" + element + ">";
        return result + ": " + what;
    }
};

template <class T>
using Result = std::expected<T, Problem>;

}  // namespace rf::config
