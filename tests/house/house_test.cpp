// SPDX-License-Identifier: MIT
// Story: the house stays as docs/architecture.md draws it. Rooms call downwards only, but for the exceptions that the page
// names; each room tells what it is; files stay short enough to be read.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr std::size_t most_lines = 600;
constexpr std::size_t most_readme_lines = 30;

fs::path source() { return RF_SOURCE_DIRECTORY; }

Lines lines_of(const fs::path& file) {
    std::ifstream in{file};
    Lines lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

/// Everything between backquotes in one cell of a table's row.
std::vector<std::string> names_in(const std::string& cell) {
    static const std::regex name{"`([^`]+)`"};
    std::vector<std::string> names;
    for (std::sregex_iterator at{cell.begin(), cell.end(), name}, end; at != end; ++at) names.push_back((*at)[1]);
    return names;
}

struct Plan {
    std::map<std::string, int> rungs;                            // room -> rung
    std::set<std::pair<std::string, std::string>> exceptions;   // (room, header) that may go up or aside
};

Plan read_plan() {
    Plan plan;
    static const std::regex rung{R"(\| (\d+) \| (.*?) \| .*)"}, exception{R"(\| (`[^|]*\.hpp`) \| (`[a-z0-9]+/`) \| .*)"};
    for (const auto& line : lines_of(source() / "docs/architecture.md")) {
        std::smatch found;
        if (std::regex_match(line, found, rung)) {
            for (auto room : names_in(found[2]))
                if (room.ends_with('/')) plan.rungs[room.substr(0, room.size() - 1)] = std::stoi(found[1]);
        } else if (std::regex_match(line, found, exception)) {
            const auto room = names_in(found[2]).front();
            for (const auto& header : names_in(found[1])) plan.exceptions.emplace(room.substr(0, room.size() - 1), header);
        }
    }
    return plan;
}

bool is_code(const fs::path& file) {
    static const std::set<std::string> kinds{".cpp", ".hpp", ".h", ".S"};
    return kinds.contains(file.extension());
}

/// All source files of the five components.
std::vector<fs::path> code_files() {
    std::vector<fs::path> files;
    for (const auto* component : {"hypervisor", "dom0-tools", "pv-drivers", "guest-abi", "tests"})
        for (const auto& entry : fs::recursive_directory_iterator(source() / component))
            if (entry.is_regular_file() && is_code(entry.path())) files.push_back(entry.path());
    return files;
}

TEST(House, RoomsCallDownwards) {
    const Plan plan = read_plan();
    ASSERT_GE(plan.rungs.size(), 15u) << "docs/architecture.md no longer holds the table of rungs";
    static const std::regex include{"#include \"([a-z0-9_]+)/([^\"]+)\".*"};
    auto unused = plan.exceptions;
    std::size_t includes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(source() / "hypervisor")) {
        if (!entry.is_regular_file() || !is_code(entry.path())) continue;
        const auto place = fs::relative(entry.path(), source() / "hypervisor");
        const std::string room = *place.begin();
        if (place == fs::path{room}) continue;  // main.cpp wires everything
        ASSERT_TRUE(plan.rungs.contains(room)) << room << " is not in docs/architecture.md";
        for (const auto& line : lines_of(entry.path())) {
            std::smatch found;
            if (!std::regex_match(line, found, include) || !plan.rungs.contains(found[1]) || found[1] == room) continue;
            ++includes;
            const std::string header = found[1].str() + "/" + found[2].str();
            if (plan.exceptions.contains({room, header})) {
                unused.erase({room, header});
                continue;
            }
            EXPECT_LT(plan.rungs.at(found[1]), plan.rungs.at(room)) << place << " includes " << header;
        }
    }
    EXPECT_GT(includes, 500u);
    for (const auto& [room, header] : unused) ADD_FAILURE() << "nothing in " << room << " includes " << header << " any more: take it off the list";
}

TEST(House, RoomsTellWhatTheyAre) {
    for (const auto* component : {"hypervisor", "dom0-tools", "pv-drivers", "tests"}) {
        for (const auto& entry : fs::directory_iterator(source() / component)) {
            if (!entry.is_directory()) continue;
            const auto readme = entry.path() / "README.md";
            const bool has_code = std::any_of(fs::directory_iterator(entry.path()), fs::directory_iterator{}, [](const auto& file) { return is_code(file.path()); });
            EXPECT_TRUE(!has_code || fs::exists(readme)) << readme;
            EXPECT_LE(lines_of(readme).size(), most_readme_lines) << readme;
        }
    }
}

TEST(House, FilesAreShortAndCarryTheLicence) {
    const auto files = code_files();
    ASSERT_GT(files.size(), 400u);
    for (const auto& file : files) {
        const auto lines = lines_of(file);
        EXPECT_LE(lines.size(), most_lines) << file;
        ASSERT_FALSE(lines.empty()) << file;
        EXPECT_NE(lines.front().find("SPDX-License-Identifier: MIT"), std::string::npos) << file;
    }
}

TEST(House, AssemblyIsConfined) {
    static const std::regex assembly{R"(\b(asm|__asm__)\b\s*(volatile|\())"};
    const std::set<std::string> allowed{"cpu/insn.hpp", "cpu/current.hpp"};
    for (const auto& entry : fs::recursive_directory_iterator(source() / "hypervisor")) {
        if (!entry.is_regular_file() || !is_code(entry.path())) continue;
        const auto place = fs::relative(entry.path(), source() / "hypervisor").string();
        if (place.ends_with(".S")) continue;
        for (const auto& line : lines_of(entry.path()))
            EXPECT_TRUE(!std::regex_search(line, assembly) || allowed.contains(place)) << place << ": " << line;
    }
}

}  // namespace
