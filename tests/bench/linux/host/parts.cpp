// SPDX-License-Identifier: MIT
// What the table leaves out: where the instructions of a figure lie, and how far its repetitions differ.
#include <array>
#include <cstdio>

#include "rows.hpp"

namespace rf::bench {

namespace {

std::string number(double value)
{
    std::array<char, 32> text;
    if (value >= 1e7)
        std::snprintf(text.data(), text.size(), "%.1f M", value / 1e6);
    else
        std::snprintf(text.data(), text.size(), "%.0f", value);
    return text.data();
}

std::string cells(const std::optional<std::vector<double>>& parts)
{
    if (!parts) return " - | - | - |";
    std::string text;
    for (const double part : *parts) text += " " + number(part) + " |";
    return text;
}

}  // namespace

std::string parts_to_markdown(const Side& xen, const Side& ringfort)
{
    static constexpr std::array<std::pair<const char*, const char*>, 23> shown{{
        {"dom0.reached", "dom0.reached"}, {"create.kernel.reached", "create.kernel.reached"}, {"create.bare.reached", "create.bare.reached"},
        {"create.linux", "create.linux"}, {"create.linux.reached", "create.linux.reached"}, {"destroy.kernel", "destroy.kernel"},
        {"M18", "M18"}, {"M29.read", "M29.read"}, {"M29.transaction", "M29.transaction"}, {"M29.watch", "M29.watch"}, {"M12.fork", "M12.fork"},
        {"M12.exec", "M12.exec"}, {"M12.pipe", "M12.pipe"}, {"M12.page_fault", "M12.page_fault"}, {"M12.syscall", "M12.syscall"},
        {"M31.loop.4k_depth1", "M31.rf.4k_depth1"}, {"M31.loop.4k_depth32", "M31.rf.4k_depth32"}, {"M31.qdisk.4k_depth32", "M31.phy.4k_depth32"},
        {"M31.loop.128k_depth4", "M31.rf.128k_depth4"}, {"M32.netback.dom0.round_trip", "M32.rf.dom0.round_trip"},
        {"M32.netback.dom0.packets_out", "M32.rf.dom0.packets_out"}, {"M32.netback.dom0.tcp_out", "M32.rf.dom0.tcp_out"},
        {"M32.netback.guest.tcp_out", "M32.rf.guest.tcp_out"},
    }};
    std::string out = "| Xen's window | hypervisor | kernels | user space | Ringfort's window | hypervisor | kernels | user space |\n"
                      "|---|--:|--:|--:|---|--:|--:|--:|\n";
    for (const auto& [theirs, ours] : shown)
        out += std::string("| ") + theirs + " |" + cells(xen.main.parts(theirs)) + " " + ours + " |" + cells(ringfort.main.parts(ours)) + "\n";
    return out;
}

std::string spread_to_markdown(const std::vector<Row>& rows)
{
    std::string out = "| figure | Xen: least | most | Ringfort: least | most |\n|---|--:|--:|--:|--:|\n";
    const auto both = [](const std::optional<Figure>& figure) {
        if (!figure) return std::string(" - | - |");
        const double units = static_cast<double>(figure->units);
        return " " + number(figure->minimum()) + " | " + number(static_cast<double>(figure->most) / units) + " |";
    };
    for (const auto& row : rows) {
        const auto differs = [](const std::optional<Figure>& figure) { return figure && figure->least != figure->most; };
        if (differs(row.xen) || differs(row.ringfort)) out += "| " + row.target.figure + " |" + both(row.xen) + both(row.ringfort) + "\n";
    }
    return out;
}

}  // namespace rf::bench
