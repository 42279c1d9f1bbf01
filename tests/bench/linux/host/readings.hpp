// SPDX-License-Identifier: MIT
// What the meter wrote down of one machine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "figures.hpp"

namespace rf::bench {

/// Executed instructions by where they lie.
struct Counts {
    std::uint64_t hypervisor = 0, kernel = 0, user = 0;
    std::uint64_t repeats = 0;  ///< of all these: iterations of repeated string instructions but the first

    [[nodiscard]] std::uint64_t total() const { return hypervisor + kernel + user; }
    [[nodiscard]] Counts operator-(const Counts& other) const
    {
        return {hypervisor - other.hypervisor, kernel - other.kernel, user - other.user, repeats - other.repeats};
    }
    bool operator==(const Counts&) const = default;
};

/// One piece of measured work.
struct Window {
    Counts counts;
    std::uint64_t operations = 1;
    bool operator==(const Window&) const = default;
};

/// Everything one machine told. Names of windows and values are the programs' own.
struct Readings {
    std::map<std::string, std::vector<Window>> windows;  ///< in the order they were measured
    std::map<std::string, std::uint64_t> values;
    std::map<std::string, std::string> refused;          ///< name -> why
    Results guest;                                       ///< what the kernel of the exact figures told as an ordinary guest
    std::vector<std::string> notes;                      ///< lines for people, and lines that make no sense
    bool complete = false;                               ///< the last stage came to its end

    void add(const Readings& other);

    /// The median of the windows of this name, with least and most; as a figure of one round.
    [[nodiscard]] std::optional<Figure> figure(const std::string& name) const;
    /// The same window with each repeated string instruction counted once.
    [[nodiscard]] std::optional<Figure> figure_without_repeats(const std::string& name) const;
    [[nodiscard]] std::optional<Figure> value(const std::string& name) const;
    /// Mean instructions per operation of the windows of this name, by part; hypervisor, kernels, user.
    [[nodiscard]] std::optional<std::vector<double>> parts(const std::string& name) const;
};

/// Lines are `begin NAME`, `end NAME OPERATIONS`, `reached NAME` (which ends a window create.NAME early, under the name
/// create.NAME.reached; `reached dom0` counts from power-on), `value NAME NUMBER`, `refused NAME WHY`, `note TEXT`, `done`, and
/// `bench: ...`, the lines of the exact figures' kernel (figures.hpp): of a figure that is told twice the least counts.
[[nodiscard]] Readings parse_readings(std::string_view text);

/// A series such as curve.create@1, curve.create@2, ...: what stands behind the @, and the mean per operation.
[[nodiscard]] std::vector<std::pair<double, double>> series(const Readings& readings, const std::string& name);

}  // namespace rf::bench
