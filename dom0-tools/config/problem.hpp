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

    /// "file:line:column: <element>: what". One line: what the definition (or libxml2, quoting it) puts into it cannot write
    /// lines of its own into a log, nor speak to a terminal.
    [[nodiscard]] std::string text() const
    {
        std::string result = where.file;
        if (where.line)
            result += ":" + std::to_string(where.line) + ":" + std::to_string(where.column);
        if (!element.empty())
            result += ": <" + element + ">";
        result += ": " + what;
        for (char& c : result)
            if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
                c = ' ';
        return result;
    }
};

template <class T>
using Result = std::expected<T, Problem>;

}  // namespace rf::config
