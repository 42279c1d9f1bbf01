// SPDX-License-Identifier: MIT
// Story: docs/security/ promises nothing that nobody tests. Each test, story and mutant that its pages name exists; each class
// of advisories and each of the thirty instructive ones has something that stands against it, or is said to be open.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace {

namespace fs = std::filesystem;

fs::path source() { return RF_SOURCE_DIRECTORY; }

std::string text_of(const fs::path& file) {
    std::ifstream in{file};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// "Suite.Test" of every test in the tree.
std::set<std::string> tests_in_the_tree() {
    static const std::regex definition{R"(\bTEST(_F|_P)?\((\w+), (\w+)\))"};
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(source() / "tests")) {
        if (entry.path().extension() != ".cpp") continue;
        const std::string text = text_of(entry.path());
        for (std::sregex_iterator at{text.begin(), text.end(), definition}, end; at != end; ++at)
            names.insert((*at)[2].str() + "." + (*at)[3].str());
    }
    return names;
}

std::vector<std::string> found_in(const std::string& text, const std::regex& pattern) {
    std::vector<std::string> all;
    for (std::sregex_iterator at{text.begin(), text.end(), pattern}, end; at != end; ++at) all.push_back((*at)[1]);
    return all;
}

/// The rows of a page's tables whose first cell matches; their other cells.
std::vector<std::pair<std::string, std::string>> rows(const std::string& page, const std::regex& first) {
    std::vector<std::pair<std::string, std::string>> found;
    std::istringstream lines{page};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| ")) continue;
        const auto bar = line.find(" |", 1);
        const auto cell = line.substr(2, bar - 2);
        if (std::regex_match(cell, first)) found.emplace_back(cell, line.substr(bar));
    }
    return found;
}

TEST(Security, PagesNameOnlyWhatExists) {
    static const std::regex test{"`([A-Z]\\w+\\.[A-Z]\\w+)`"}, mutant{"`mutants/([a-z-]+)`"}, story{"stor(?:y|ies) `(\\w+)`"};
    const auto tests = tests_in_the_tree();
    ASSERT_GT(tests.size(), 700u);
    std::size_t names = 0;
    for (const auto* page : {"README.md", "SUPPORT.md", "advisories.md", "speculation.md"}) {
        const std::string text = text_of(source() / "docs/security" / page);
        ASSERT_FALSE(text.empty()) << page;
        for (const auto& name : found_in(text, test)) EXPECT_TRUE(tests.contains(name)) << page << " names " << name << ", which does not exist";
        for (const auto& name : found_in(text, mutant)) EXPECT_TRUE(fs::exists(source() / "tests/mutants" / (name + ".patch"))) << page << ": " << name;
        for (const auto& name : found_in(text, story)) EXPECT_TRUE(fs::exists(source() / "tests/system" / (name + "_test.cpp"))) << page << ": " << name;
        names += found_in(text, test).size();
    }
    EXPECT_GT(names, 80u);
}

TEST(Security, EveryAdvisoryClassIsAnswered) {
    const std::string page = text_of(source() / "docs/security/advisories.md");
    const auto classes = rows(page, std::regex{R"([A-Z]2?(, [A-Z])? .*\(\d+\))"});
    EXPECT_EQ(classes.size(), 18u);
    std::set<std::string> numbers;
    for (const auto& [number, rest] : rows(page, std::regex{R"(\d+)"})) {
        numbers.insert(number);
        const bool answered = rest.find('`') != std::string::npos || rest.find("open") != std::string::npos;
        EXPECT_TRUE(answered) << "advisory " << number << " has neither a test nor is it said to be open";
    }
    EXPECT_EQ(numbers.size(), 30u);
    for (const auto& [name, rest] : classes) {
        static const std::regex nothing_open{R"(.*\|\s*\|)"};
        EXPECT_TRUE(rest.find('`') != std::string::npos || !std::regex_match(rest, nothing_open)) << name;
    }
}

TEST(Security, AbsentCallsHaveNoHandler) {
    static const std::regex entry{R"(table\[xen::(HYPERVISOR_\w+)\] =)"}, absent{R"(\| `(\d+)` \| ENOSYS \|)"};
    const std::string numbers = text_of(source() / "guest-abi/xen/numbers.h");
    std::set<std::string> present;
    for (const auto& name : found_in(text_of(source() / "hypervisor/hypercall/table.hpp"), entry)) {
        std::smatch value;
        ASSERT_TRUE(std::regex_search(numbers, value, std::regex{name + R"( = (\d+))"})) << name;
        present.insert(value[1]);
    }
    EXPECT_GT(present.size(), 25u);
    const auto calls = found_in(text_of(source() / "docs/security/SUPPORT.md"), absent);
    EXPECT_GE(calls.size(), 12u);
    for (const auto& number : calls) EXPECT_FALSE(present.contains(number)) << "hypercall " << number << " has a handler, but docs/security/SUPPORT.md calls it absent";
}

}  // namespace
