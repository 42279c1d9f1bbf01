// SPDX-License-Identifier: MIT
// The rows of the Linux figures: which readings of the two machines are compared, and what is to be reached.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "readings.hpp"
#include "table.hpp"

namespace rf::bench {

/// Everything taken of one hypervisor.
struct Side {
    Readings main;                       ///< the machines of 4 GiB, one for each stage
    Readings many;                       ///< the machine of 2 GiB, full of small guests
    std::vector<double> boot_seconds;    ///< wall clock, from the emulator's start to Dom0's user space
};

/// KiB of the two machines.
inline constexpr std::uint64_t main_machine_kib = 4096 * 1024, many_machine_kib = 2048 * 1024;

/// All rows whose stage `only` asks for (boot, create, switch, store, processes, block, network, many; empty: all).
[[nodiscard]] std::vector<Row> linux_rows(const Side& xen, const Side& ringfort, std::string_view only);

/// The exact figures as an ordinary guest took them, with the bounds of the initial domain's: the hypervisor's services to any domain.
[[nodiscard]] std::vector<Row> service_rows(const Side& xen, const Side& ringfort);

/// Which part of the machine executes what, of the more important figures of both, as Markdown.
[[nodiscard]] std::string parts_to_markdown(const Side& xen, const Side& ringfort);

/// The rows in which repeated string instructions are more than one in fifty on either side: both counts and both ratios.
[[nodiscard]] std::string repeats_to_markdown(const Side& xen, const Side& ringfort, std::string_view only);

/// Least and most of every row that was measured more than once, as Markdown.
[[nodiscard]] std::string spread_to_markdown(const std::vector<Row>& rows);

/// A curve of `many`: cost of the last point / of the first, as a figure in thousandths.
[[nodiscard]] std::optional<Figure> growth(const Readings& readings, const std::string& name, double from, double to);

}  // namespace rf::bench
