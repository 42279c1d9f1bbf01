// SPDX-License-Identifier: MIT
// The table of both hypervisors: for the terminal, as Markdown, as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "figures.hpp"

namespace rf::bench {

enum class Verdict { reached, held, missed, untaken, informative };

struct Row {
    Target target;
    std::optional<Figure> xen, ringfort;
    std::string missing;  ///< why one of them is not there
    Verdict verdict = Verdict::untaken;

    [[nodiscard]] std::optional<double> ratio() const;
};

/// A row and its verdict; `missing` says why a figure is not there.
[[nodiscard]] Row make_row(const Target& target, const std::optional<Figure>& xen, const std::optional<Figure>& ringfort, const std::string& missing);

/// What the bench kernel said of why it could not take a figure, and on which side; empty if it said nothing.
[[nodiscard]] std::string why_missing(const Results& xen, const Results& ringfort, const std::string& name);

/// Every target that `only` asks for, with what was found.
[[nodiscard]] std::vector<Row> make_rows(const Results& xen, const Results& ringfort, std::string_view only);

/// Markdown; reads well on a terminal as well.
[[nodiscard]] std::string to_markdown(const std::vector<Row>& rows);
[[nodiscard]] std::string to_json(const std::vector<Row>& rows, const std::string& date, const std::string& commit);

}  // namespace rf::bench
