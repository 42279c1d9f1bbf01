// SPDX-License-Identifier: MIT
// The figures as a picture.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "table.hpp"

namespace rf::bench {

/// One curve of each hypervisor over the same axis.
struct Curve {
    std::string title;
    std::vector<std::pair<double, double>> xen, ringfort;
};

/// Above, a bar for each row's ratio with its bound; below, the curves. An SVG document.
[[nodiscard]] std::string to_svg(const std::vector<Row>& rows, const std::vector<Curve>& curves, const std::string& subtitle);

}  // namespace rf::bench
