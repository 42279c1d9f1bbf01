// SPDX-License-Identifier: MIT
#include "profile.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

namespace rf::bench {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::pair<const char*, double>, 6> weights{
    {{"lock", 20}, {"cr3", 100}, {"msr", 100}, {"flush", 80}, {"iret", 200}, {"fence", 30}}};

using Names = std::map<std::uint64_t, std::string>;

bool is_guest(std::uint64_t address) { return address < 1ull << 47 || address >= 0xffffffff80000000; }

Result<Names> read_names(const fs::path& image) {
    Names names;
    if (image.empty()) return names;
    auto listing = system::run_program({"nm", "-n", "-C", image});
    if (!listing) return std::unexpected(listing.error());
    std::istringstream lines{*listing};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string address, type, name;
        if (!(words >> address >> type) || (type != "t" && type != "T" && type != "W" && type != "w")) continue;
        std::getline(words >> std::ws, name);
        names[std::stoull(address, nullptr, 16)] = name.substr(0, name.find('('));
    }
    return names;
}

std::string name_of(const Names& names, std::uint64_t address) {
    auto found = names.upper_bound(address);
    if (found == names.begin()) return "the stub of SYSCALL";
    return std::prev(found)->second;
}

/// The figures in the order of their marks; two share one.
std::vector<std::string> order_of_figures(const std::string& log) {
    std::vector<std::string> order;
    std::istringstream lines{log};
    constexpr std::string_view mark = "bench: figure ";
    for (std::string line; std::getline(lines, line);)
        if (const auto at = line.find(mark); at != std::string::npos) {
            const auto name = line.substr(at + mark.size(), line.find(' ', at + mark.size()) - at - mark.size());
            if (name != "M5.user") order.push_back(name);
        }
    return order;
}

std::map<std::string, Profile> parse(std::istream& counts, const std::vector<std::string>& order, const Results& results, const Names& names) {
    std::map<std::string, Profile> profiles;
    Profile* current = nullptr;
    double operations = 1;
    for (std::string line; std::getline(counts, line);) {
        std::istringstream words{line};
        std::string first, second, kind;
        words >> first >> second >> kind;
        if (first == "figure") {
            const auto number = std::stoul(second);
            const auto windows = std::stoul(kind);
            current = number <= order.size() && windows != 0 ? &profiles[order[number - 1]] : nullptr;
            if (current) operations = static_cast<double>(windows * results.figures.at(order[number - 1]).units);
            continue;
        }
        const auto address = std::stoull(first, nullptr, 16);
        if (!current || is_guest(address)) continue;
        const double each = std::stod(second) / operations;
        current->instructions += each;
        if (kind != "-") current->slow[kind] += each;
        if (!names.empty()) current->functions[name_of(names, address)] += each;
    }
    return profiles;
}

std::string number(double value) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), value < 10 ? "%.2g" : "%.0f", value);
    return value == 0 ? "" : text.data();
}

}  // namespace

double Profile::cost() const {
    double sum = instructions;
    for (const auto& [kind, weight] : weights)
        if (const auto found = slow.find(kind); found != slow.end()) sum += weight * found->second;
    return sum;
}

Result<std::map<std::string, Profile>> run_profile(const Run& run, const fs::path& build, const fs::path& symbols) {
    const auto counts = build / "bench" / (run.name + ".counts");
    auto log = run_machine(run, build, {"-plugin", (build / "bench/count.so").string() + ",out=" + counts.string()});
    if (!log) return std::unexpected(log.error());
    auto names = read_names(symbols);
    if (!names) return std::unexpected(names.error());
    std::ifstream in{counts};
    return parse(in, order_of_figures(*log), parse_results(*log), *names);
}

std::string profile_to_markdown(const std::map<std::string, Profile>& xen, const std::map<std::string, Profile>& ringfort) {
    std::string out = "Per operation: instructions in the hypervisor / locked, CR3, MSR, flush, IRET, fence / cost index. Nothing is 0.\n\n"
                      "| figure | Xen | lock | CR3 | MSR | flush | IRET | fence | index | Ringfort | lock | CR3 | MSR | flush | IRET | fence | index | ratio of indices |\n"
                      "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    const auto half = [](const Profile& profile) {
        std::string cells = " " + number(profile.instructions) + " |";
        for (const auto& [kind, weight] : weights) {
            const auto found = profile.slow.find(kind);
            cells += " " + number(found == profile.slow.end() || found->second < 0.005 ? 0 : found->second) + " |";
        }
        return cells + " " + number(profile.cost()) + " |";
    };
    for (const auto& [name, ours] : ringfort) {
        const auto theirs = xen.find(name);
        if (theirs == xen.end()) continue;
        std::array<char, 16> ratio;
        std::snprintf(ratio.data(), ratio.size(), "%.2f", ours.cost() / theirs->second.cost());
        out += "| " + name + " |" + half(theirs->second) + half(ours) + " " + ratio.data() + " |\n";
    }
    out += "\n## Ringfort by function\n\nInstructions per operation, down to one in fifty.\n";
    for (const auto& [name, ours] : ringfort) {
        out += "\n**" + name + "**, " + number(ours.instructions) + ":";
        std::vector<std::pair<double, std::string>> order;
        for (const auto& [function, count] : ours.functions) order.emplace_back(count, function);
        std::sort(order.rbegin(), order.rend());
        for (const auto& [count, function] : order)
            if (count * 50 >= ours.instructions) out += " `" + function + "` " + number(count) + ",";
        out.back() = '\n';
    }
    return out;
}

}  // namespace rf::bench
