// SPDX-License-Identifier: MIT
#include "output.hpp"

#include <algorithm>
#include <cstdio>

namespace rf::cli {

void print(const std::string& text)
{
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void say(const std::string& text)
{
    const std::string line = "rf: " + text + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

void print_json(lifecycle::json::object object)
{
    lifecycle::json::object whole{{"schema", "rf/v1"}};
    for (auto& member : object)
        whole[member.key()] = std::move(member.value());
    print(lifecycle::pretty_json(whole));
}

void Table::print() const
{
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
            line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
        line.erase(line.find_last_not_of(' ') + 1);
        cli::print(line + "\n");
    }
}

}  // namespace rf::cli
