// SPDX-License-Identifier: MIT
#pragma once
/// What verbs print: data on standard output, all else on standard error.

#include <string>
#include <vector>

#include "lifecycle/json.hpp"

namespace rf::cli {

/// Memory is told to people in these, in bytes to programs.
inline constexpr std::uint64_t mebibyte = 1u << 20;

/// Prints to standard output.
void print(const std::string& text);
/// A line on standard error, after "rf: ".
void say(const std::string& text);

/// Prints an object with the schema's name put first.
void print_json(lifecycle::json::object object);

/// Columns, left-aligned, as wide as their widest cell; no white space at line ends.
class Table {
public:
    explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    void print() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace rf::cli
