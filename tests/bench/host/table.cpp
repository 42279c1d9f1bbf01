// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace rf::bench {

namespace {

std::string explain(const Results& xen, const Results& ringfort, const std::string& name) {
    const auto why = why_missing(xen, ringfort, name);
    return why.empty() ? "the bench kernel did not print it" : why;
}

Verdict judge(const Row& row) {
    const auto ratio = row.ratio();
    const bool alone = row.target.judged == Judged::own_at_most;
    if (alone ? !row.ringfort : !ratio) return Verdict::untaken;
    if (!row.target.at_most) return Verdict::informative;
    const double value = alone ? row.ringfort->mean() : *ratio;
    const auto within = [&](double bound) { return row.target.judged == Judged::ratio_at_least ? value >= bound : value <= bound; };
    if (!within(*row.target.at_most)) return Verdict::missed;
    return row.target.aim && within(*row.target.aim) ? Verdict::reached : Verdict::held;
}

std::string spelled(Verdict verdict) {
    switch (verdict) {
    case Verdict::reached: return "aim reached";
    case Verdict::held: return "held";
    case Verdict::missed: return "**missed**";
    case Verdict::untaken: return "not taken";
    case Verdict::informative: break;
    }
    return "-";
}

std::string number(double value, int digits) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

std::string number(const std::optional<double>& value, int digits) { return value ? number(*value, digits) : "-"; }

std::string instructions(const std::optional<Figure>& figure) {
    if (!figure) return "-";
    const double mean = figure->mean();
    if (mean >= 1e7) return number(mean / 1e6, 1) + " M";
    if (mean < 10) return number(mean, 2);
    return number(mean, mean == static_cast<double>(static_cast<std::uint64_t>(mean)) ? 0 : 1);
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string json_of(const std::optional<Figure>& figure) {
    if (!figure) return "null";
    return "{\"mean\": " + number(figure->mean(), 3) + ", \"min\": " + number(figure->minimum(), 3) +
           ", \"rounds\": " + std::to_string(figure->rounds) + ", \"units\": " + std::to_string(figure->units) + "}";
}

}  // namespace

std::string why_missing(const Results& xen, const Results& ringfort, const std::string& name) {
    const auto family = name.substr(0, name.find('.'));
    for (const auto& [results, who] : {std::pair{&xen, "Xen: "}, std::pair{&ringfort, "Ringfort: "}})
        for (const auto& key : {name, family})
            if (const auto found = results->refused.find(key); found != results->refused.end()) return who + found->second;
    return "";
}

std::optional<double> Row::ratio() const {
    if (!xen || !ringfort) return std::nullopt;
    return ringfort->mean() / xen->mean();
}

Row make_row(const Target& target, const std::optional<Figure>& xen, const std::optional<Figure>& ringfort, const std::string& missing) {
    Row row{target, xen, ringfort, missing, {}};
    row.verdict = judge(row);
    return row;
}

std::vector<Row> make_rows(const Results& xen, const Results& ringfort, std::string_view only) {
    std::vector<Row> rows;
    for (const auto& target : targets()) {
        if (!asked_for(only, target.figure)) continue;
        const auto theirs = xen.find(target.figure), ours = ringfort.find(target.figure);
        const bool unexplained = target.missing.empty() && !(theirs && ours);
        rows.push_back(make_row(target, theirs, ours, unexplained ? explain(xen, ringfort, target.figure) : target.missing));
    }
    return rows;
}

std::string to_markdown(const std::vector<Row>& rows) {
    std::vector<std::array<std::string, 8>> cells{{"figure", "what", "Xen", "Ringfort", "ratio", "at most", "aim", "verdict"}};
    for (const auto& row : rows)
        cells.push_back({row.target.figure, row.target.meaning, instructions(row.xen), instructions(row.ringfort), number(row.ratio(), 2),
                         number(row.target.at_most, 2), number(row.target.aim, 2),
                         spelled(row.verdict) + (row.missing.empty() ? "" : ": " + row.missing)});
    std::array<std::size_t, 8> widths{};
    for (const auto& line : cells)
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
    std::string out;
    const auto put = [&](const std::array<std::string, 8>& line) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string padding(widths[i] - line[i].size(), ' ');
            const bool is_number = i >= 2 && i <= 6;
            out += "| " + (is_number ? padding + line[i] : line[i] + padding) + ' ';
        }
        out += "|\n";
    };
    put(cells.front());
    for (std::size_t i = 0; i < widths.size(); ++i) {
        const bool is_number = i >= 2 && i <= 6;
        out += "|" + std::string(widths[i] + (is_number ? 1 : 2), '-') + (is_number ? ":" : "");
    }
    out += "|\n";
    std::for_each(cells.begin() + 1, cells.end(), put);
    return out;
}

std::string to_json(const std::vector<Row>& rows, const std::string& date, const std::string& commit) {
    std::string out = "{\n  \"date\": " + quoted(date) + ",\n  \"commit\": " + quoted(commit) + ",\n  \"figures\": [\n";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        const auto json_number = [](const std::optional<double>& value) { return value ? number(*value, 4) : std::string{"null"}; };
        out += "    {\"figure\": " + quoted(row.target.figure) + ", \"meaning\": " + quoted(row.target.meaning) + ", \"xen\": " + json_of(row.xen) +
               ", \"ringfort\": " + json_of(row.ringfort) + ", \"ratio\": " + json_number(row.ratio()) +
               ", \"at_most\": " + json_number(row.target.at_most) + ", \"aim\": " + json_number(row.target.aim) +
               ", \"verdict\": " + quoted(spelled(row.verdict)) + ", \"missing\": " + quoted(row.missing) + "}";
        out += i + 1 < rows.size() ? ",\n" : "\n";
    }
    return out + "  ]\n}\n";
}

}  // namespace rf::bench
