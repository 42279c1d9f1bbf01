// SPDX-License-Identifier: MIT
// What the bench kernel printed, and what Ringfort is to reach.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rf::bench {

/// One figure of one machine: instructions of `rounds` rounds of `units` operations each.
struct Figure {
    std::uint64_t rounds = 0, units = 0, total = 0, least = 0, most = 0;

    [[nodiscard]] double mean() const { return static_cast<double>(total) / static_cast<double>(rounds * units); }
    [[nodiscard]] double minimum() const { return static_cast<double>(least) / static_cast<double>(units); }
    bool operator==(const Figure&) const = default;
};

/// Everything one run told.
struct Results {
    std::map<std::string, Figure> figures;
    std::map<std::string, std::string> refused;  ///< figure -> why the bench kernel could not take it
    std::optional<std::uint64_t> start;          ///< counter when the bench kernel came to its program
    bool complete = false;                       ///< the bench kernel came to its end
    bool operator==(const Results&) const = default;

    [[nodiscard]] std::optional<Figure> find(const std::string& name) const
    {
        const auto found = figures.find(name);
        return found == figures.end() ? std::nullopt : std::optional{found->second};
    }
};

/// Reads the serial log of a run; lines that are not the bench kernel's are passed over.
[[nodiscard]] Results parse_results(std::string_view log);

/// What is compared with a row's bounds: the ratio Ringfort / Xen, which is to be at most or at least so much, or Ringfort's
/// figure alone.
enum class Judged { ratio_at_most, ratio_at_least, own_at_most };

/// One row of the table.
struct Target {
    std::string figure;              ///< name of the measurement, or of a row that is not taken
    std::string meaning;
    std::optional<double> at_most;   ///< the bound (at least, if so judged)
    std::optional<double> aim;
    std::string missing;             ///< why the figure is not taken; empty if it is
    Judged judged = Judged::ratio_at_most;
};

/// All rows, in the order of the report.
[[nodiscard]] const std::vector<Target>& targets();

/// Whether a list such as "M1,M9" (empty: all) asks for the figure; "M8" asks for "M8.invlpg" as well.
[[nodiscard]] bool asked_for(std::string_view list, std::string_view figure);

}  // namespace rf::bench
