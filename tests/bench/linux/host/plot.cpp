// SPDX-License-Identifier: MIT
#include "plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace rf::bench {

namespace {

constexpr double width = 960, left = 330, right = 90, row_height = 18, head = 70;
constexpr double panel_width = 300, panel_height = 170, panel_gap = 20;
constexpr double least_ratio = 0.01, most_ratio = 4;
constexpr const char *xen_colour = "#9a9a9a", *good_colour = "#2b7a4b", *bad_colour = "#b5402f", *plain_colour = "#4a6fa5";

std::string number(double value)
{
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), value >= 100 ? "%.0f" : "%.3g", value);
    return text.data();
}

std::string escaped(const std::string& text)
{
    std::string out;
    for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    return out;
}

std::string text_at(double x, double y, const std::string& text, const std::string& more = "")
{
    return "<text x='" + number(x) + "' y='" + number(y) + "' " + more + ">" + escaped(text) + "</text>\n";
}

std::string line_at(double x1, double y1, double x2, double y2, const std::string& style)
{
    return "<line x1='" + number(x1) + "' y1='" + number(y1) + "' x2='" + number(x2) + "' y2='" + number(y2) + "' " + style + "/>\n";
}

/// A place on the axis of ratios, which is logarithmic.
double place_of(double ratio)
{
    const double inner = std::clamp(ratio, least_ratio, most_ratio);
    return left + (width - left - right) * std::log(inner / least_ratio) / std::log(most_ratio / least_ratio);
}

const char* colour_of(Verdict verdict)
{
    switch (verdict) {
    case Verdict::reached:
    case Verdict::held: return good_colour;
    case Verdict::missed: return bad_colour;
    default: return plain_colour;
    }
}

bool has_bar(const Row& row) { return row.ratio() && row.target.judged == Judged::ratio_at_most; }

std::string bars(const std::vector<Row>& rows, double bottom)
{
    std::string out;
    for (const double ratio : {0.01, 0.03, 0.1, 0.3, 1.0, 3.0}) {
        out += line_at(place_of(ratio), head - 12, place_of(ratio), bottom, ratio == 1 ? "stroke='#000'" : "stroke='#ddd'");
        out += text_at(place_of(ratio), head - 16, number(ratio), "text-anchor='middle' fill='#555'");
    }
    double y = head;
    for (const auto& row : rows) {
        if (!has_bar(row)) continue;
        const double end = place_of(*row.ratio());
        out += "<rect x='" + number(left) + "' y='" + number(y - 10) + "' width='" + number(std::max(end - left, 1.0)) + "' height='12' fill='" +
               colour_of(row.verdict) + "'/>\n";
        out += text_at(left - 6, y, row.target.figure, "text-anchor='end'");
        out += text_at(end + 5, y, number(*row.ratio()));
        if (row.target.at_most)
            out += line_at(place_of(*row.target.at_most), y - 12, place_of(*row.target.at_most), y + 4, "stroke='#000' stroke-width='2'");
        y += row_height;
    }
    return out;
}

std::string path_of(const std::vector<std::pair<double, double>>& points, double x, double y, double most_x, double most_y, const char* colour)
{
    std::string path;
    for (const auto& [along, up] : points)
        path += (path.empty() ? "M" : " L") + number(x + panel_width * along / most_x) + " " + number(y + panel_height * (1 - up / most_y));
    return "<path d='" + path + "' fill='none' stroke='" + colour + "' stroke-width='1.5'/>\n";
}

std::string panel(const Curve& curve, double x, double y)
{
    double most_x = 1, most_y = 1;
    for (const auto* points : {&curve.xen, &curve.ringfort})
        for (const auto& [along, up] : *points) most_x = std::max(most_x, along), most_y = std::max(most_y, up);
    std::string out = text_at(x, y - 8, curve.title, "font-weight='bold'");
    out += "<rect x='" + number(x) + "' y='" + number(y) + "' width='" + number(panel_width) + "' height='" + number(panel_height) +
           "' fill='none' stroke='#bbb'/>\n";
    out += text_at(x + panel_width, y + panel_height + 14, number(most_x) + " domains", "text-anchor='end' fill='#555'");
    out += text_at(x + 4, y + 13, most_y >= 1e6 ? number(most_y / 1e6) + " M" : number(most_y), "fill='#555'");
    if (!curve.xen.empty()) out += path_of(curve.xen, x, y, most_x, most_y, xen_colour);
    if (!curve.ringfort.empty()) out += path_of(curve.ringfort, x, y, most_x, most_y, good_colour);
    return out;
}

}  // namespace

std::string to_svg(const std::vector<Row>& rows, const std::vector<Curve>& curves, const std::string& subtitle)
{
    const auto shown = static_cast<double>(std::count_if(rows.begin(), rows.end(), has_bar));
    const double bars_end = head + shown * row_height;
    const double panels = std::ceil(static_cast<double>(curves.size()) / 3);
    const double height = bars_end + (curves.empty() ? 20 : 50 + panels * (panel_height + 50));
    std::string out = "<svg xmlns='http://www.w3.org/2000/svg' width='" + number(width) + "' height='" + number(height) +
                      "' font-family='sans-serif' font-size='11'>\n<rect width='100%' height='100%' fill='#fff'/>\n";
    out += text_at(10, 20, "Instructions of the whole machine, Ringfort / Xen (less is better; black marks: at most)", "font-size='14' font-weight='bold'");
    out += text_at(10, 36, subtitle, "fill='#555'");
    out += bars(rows, bars_end - 8);
    if (!curves.empty()) out += text_at(10, bars_end + 16, "Instructions per operation beside other domains: Xen grey, Ringfort green", "font-size='14' font-weight='bold'");
    for (std::size_t i = 0; i < curves.size(); ++i)
        out += panel(curves[i], 10 + static_cast<double>(i % 3) * (panel_width + panel_gap), bars_end + 50 + static_cast<double>(i / 3) * (panel_height + 50));
    return out + "</svg>\n";
}

}  // namespace rf::bench
