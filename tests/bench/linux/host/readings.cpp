// SPDX-License-Identifier: MIT
#include "readings.hpp"

#include <algorithm>
#include <sstream>

namespace rf::bench {

namespace {

constexpr std::size_t longest_note = 160;

struct Line {
    Counts first, last;  ///< before the line's first byte, after its last
    std::string kind, name, rest;
};

std::optional<Line> read_line(const std::string& text)
{
    Line line;
    std::istringstream words{text};
    for (Counts* const at : {&line.first, &line.last}) words >> at->hypervisor >> at->kernel >> at->user >> at->repeats;
    words >> line.kind;
    if (!words) return std::nullopt;
    words >> line.name;
    std::getline(words >> std::ws, line.rest);
    return line;
}

/// Of several windows the median of what `count` says of each.
std::optional<Figure> median(const Readings& readings, const std::string& name, std::uint64_t (*count)(const Counts&))
{
    const auto found = readings.windows.find(name);
    if (found == readings.windows.end() || found->second.empty()) return std::nullopt;
    std::vector<std::uint64_t> totals;
    for (const auto& window : found->second) totals.push_back(count(window.counts));
    std::sort(totals.begin(), totals.end());
    return Figure{1, found->second.front().operations, totals[totals.size() / 2], totals.front(), totals.back()};
}

/// Dom0 may have run in the midst of a round, so only the least of all says what the hypervisor took.
void add_exact(Results& all, const Results& more)
{
    for (const auto& [name, figure] : more.figures) {
        auto& kept = all.figures.try_emplace(name, Figure{1, figure.units, figure.least, figure.least, figure.least}).first->second;
        kept.most = std::max(kept.most, figure.least);
        kept.total = kept.least = std::min(kept.least, figure.least);
    }
    all.refused.insert(more.refused.begin(), more.refused.end());
    all.complete = all.complete || more.complete;
}

class Reader {
public:
    void take(const std::string& text)
    {
        const auto line = read_line(text);
        if (line && line->kind == "bench:") add_exact(readings.guest, parse_results(text));
        else if (!line || !take(*line)) readings.notes.push_back(text);
    }
    Readings readings;

private:
    bool take(const Line& line)
    {
        if (line.kind == "begin") begun_[line.name] = last_begun_[line.name] = line.last;
        else if (line.kind == "end") return end(line);
        else if (line.kind == "reached") reach(line);
        else if (line.kind == "value") return value(line);
        else if (line.kind == "refused") readings.refused.emplace(line.name, line.rest);
        else if (line.kind == "done") readings.complete = true;
        else if (line.kind == "note") readings.notes.push_back((line.name + " " + line.rest).substr(0, longest_note));
        else return line.kind == "symbol" || line.kind == "powered";
        return true;
    }

    bool end(const Line& line)
    {
        const auto begun = begun_.find(line.name);
        const std::uint64_t operations = std::strtoull(line.rest.c_str(), nullptr, 10);
        if (begun == begun_.end() || operations == 0) return false;
        readings.windows[line.name].push_back({line.first - begun->second, operations});
        begun_.erase(begun);
        return true;
    }

    void reach(const Line& line)
    {
        // the command may have ended before the guest came so far
        const auto name = "create." + line.name;
        const auto begun = last_begun_.find(name);
        const bool created = begun != last_begun_.end();
        readings.windows[(created ? name : line.name) + ".reached"].push_back({line.first - (created ? begun->second : Counts{}), 1});
        if (created) last_begun_.erase(begun);
    }

    bool value(const Line& line)
    {
        if (line.rest.empty() || line.rest.find_first_not_of("0123456789") != std::string::npos) return false;
        readings.values[line.name] = std::strtoull(line.rest.c_str(), nullptr, 10);
        return true;
    }

    std::map<std::string, Counts> begun_, last_begun_;
};

}  // namespace

Readings parse_readings(std::string_view text)
{
    Reader reader;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) reader.take(line);
    return reader.readings;
}

void Readings::add(const Readings& other)
{
    for (const auto& [name, more] : other.windows) windows[name].insert(windows[name].end(), more.begin(), more.end());
    values.insert(other.values.begin(), other.values.end());
    refused.insert(other.refused.begin(), other.refused.end());
    add_exact(guest, other.guest);
    notes.insert(notes.end(), other.notes.begin(), other.notes.end());
    complete = complete && other.complete;
}

std::optional<Figure> Readings::figure(const std::string& name) const
{
    return median(*this, name, [](const Counts& counts) { return counts.total(); });
}

std::optional<Figure> Readings::figure_without_repeats(const std::string& name) const
{
    return median(*this, name, [](const Counts& counts) { return counts.total() - counts.repeats; });
}

std::optional<Figure> Readings::value(const std::string& name) const
{
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return Figure{1, 1, found->second, found->second, found->second};
}

std::optional<std::vector<double>> Readings::parts(const std::string& name) const
{
    const auto found = windows.find(name);
    if (found == windows.end() || found->second.empty()) return std::nullopt;
    std::vector<double> sums(3);
    for (const auto& [counts, operations] : found->second) {
        const double share = 1.0 / static_cast<double>(operations * found->second.size());
        sums[0] += share * static_cast<double>(counts.hypervisor);
        sums[1] += share * static_cast<double>(counts.kernel);
        sums[2] += share * static_cast<double>(counts.user);
    }
    return sums;
}

std::vector<std::pair<double, double>> series(const Readings& readings, const std::string& name)
{
    std::vector<std::pair<double, double>> points;
    const std::string prefix = name + "@";
    for (const auto& [key, found] : readings.windows) {
        if (!key.starts_with(prefix)) continue;
        const auto figure = readings.figure(key);
        points.emplace_back(std::strtod(key.c_str() + prefix.size(), nullptr), figure->mean());
    }
    std::sort(points.begin(), points.end());
    return points;
}

}  // namespace rf::bench
