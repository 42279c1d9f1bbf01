// SPDX-License-Identifier: MIT
// longest_runs FILE IMAGE [LIMIT]: what the plugin found, as a table for docs/security: for each path the longest of its runs. A
// path is the first function that names a hypercall or another reason to be in the hypervisor, and the one that most
// instructions went into. Exit status 1 if a run was longer than LIMIT.
//
// Debug keys have a row of their own and no limit: they are pressed by the operator of the machine, who wants to see a still picture
// (the audit counts all frames while nothing else happens), and by this story after each life.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Names = std::map<std::uint64_t, std::string>;

Names read_names(const std::string& image) {
    Names names;
    const std::string command = "nm -n -C '" + image + "'";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> listing{popen(command.c_str(), "r"), pclose};
    std::string text;
    std::array<char, 4096> piece;
    while (listing && std::fgets(piece.data(), piece.size(), listing.get())) text += piece.data();
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string address, type, name;
        if (!(words >> address >> type) || std::string{"tTwW"}.find(type) == std::string::npos) continue;
        std::getline(words >> std::ws, name);
        if (const auto anonymous = name.find("(anonymous namespace)::"); anonymous != std::string::npos) name.erase(anonymous, 23);
        names[std::stoull(address, nullptr, 16)] = name.substr(0, name.find_first_of("(["));
    }
    return names;
}

std::string name_of(const Names& names, std::uint64_t address) {
    const auto found = names.upper_bound(address);
    return found == names.begin() ? "the stub of SYSCALL" : std::prev(found)->second;
}

struct Run {
    std::uint64_t instructions = 0;
    std::vector<std::pair<std::string, std::uint64_t>> functions;  ///< in the order of their first turn
};

constexpr const char* debug_keys = "debug keys (no limit)";

/// Why the hypervisor was entered: the last hypercall's handler, or the first function that is none of the doors.
std::string reason_of(const Run& run) {
    for (const auto& [name, instructions] : run.functions)
        if (name.ends_with("::debug_keys") || name.ends_with("::press_key")) return debug_keys;
    for (const auto& [name, instructions] : run.functions)
        if (name.starts_with("rf::hypercall::") && name != "rf::hypercall::dispatch") return name.substr(4);
    for (const auto& [name, instructions] : run.functions)
        if (name.starts_with("rf::") && !name.starts_with("rf::entry::")) return name.substr(4);
    return run.functions.empty() ? "?" : run.functions.front().first;
}

std::string most_of(const Run& run) {
    const auto most = std::ranges::max_element(run.functions, {}, [](const auto& each) { return each.second; });
    if (most == run.functions.end()) return "?";
    const auto name = most->first.starts_with("rf::") ? most->first.substr(4) : most->first;
    return name + " (" + std::to_string(most->second * 100 / run.instructions) + " %)";
}

void add(Run& run, const std::string& name, std::uint64_t instructions) {
    const auto found = std::ranges::find(run.functions, name, [](const auto& each) { return each.first; });
    if (found == run.functions.end())
        run.functions.emplace_back(name, instructions);
    else
        found->second += instructions;
}

}  // namespace

int main(int count, char** words) {
    if (count < 3) return std::fputs("longest_runs FILE IMAGE [LIMIT]\n", stderr), 2;
    const auto names = read_names(words[2]);
    const std::uint64_t limit = count > 3 ? std::strtoull(words[3], nullptr, 10) : ~0ull;
    std::ifstream in{words[1]};
    if (!in || names.empty()) return std::fprintf(stderr, "longest_runs: cannot read %s or the symbols of %s\n", words[1], words[2]), 2;
    std::vector<Run> runs;
    std::map<unsigned, std::uint64_t> lengths;
    for (std::string line; std::getline(in, line);) {
        std::istringstream parts{line};
        std::string first, second;
        std::uint64_t third = 0;
        parts >> first >> second >> third;
        if (first == "count")
            lengths[static_cast<unsigned>(std::stoul(second))] = third;
        else if (first == "run")
            runs.push_back({std::stoull(second), {}});
        else if (!runs.empty())
            add(runs.back(), name_of(names, std::stoull(first, nullptr, 16)), std::stoull(second));
    }
    struct Path {
        std::uint64_t longest = 0, times = 0;
        std::string most;
    };
    std::map<std::string, Path> paths;
    for (const Run& run : runs) {
        Path& path = paths[reason_of(run)];
        ++path.times;
        if (run.instructions > path.longest) path.longest = run.instructions, path.most = most_of(run);
    }
    std::vector<std::pair<std::string, Path>> sorted{paths.begin(), paths.end()};
    std::ranges::sort(sorted, std::greater{}, [](const auto& each) { return each.second.longest; });
    std::cout << "| path | longest run | most of it in | runs kept |\n|---|--:|---|--:|\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(sorted.size(), 24); ++i)
        std::cout << "| `" << sorted[i].first << "` | " << sorted[i].second.longest << " | `" << sorted[i].second.most << "` | " << sorted[i].second.times << " |\n";
    std::uint64_t all = 0, above = 0, longest = 0;
    for (const auto& [power, times] : lengths) all += times;
    for (const Run& run : runs) {
        if (reason_of(run) == debug_keys) continue;
        above += run.instructions > 10'000;
        longest = std::max(longest, run.instructions);
    }
    std::cout << "\n" << all << " runs; " << above << " above 10,000 instructions; the longest has " << longest << "\n";
    return longest > limit ? 1 : 0;
}
