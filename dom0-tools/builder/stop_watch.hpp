// SPDX-License-Identifier: MIT
#pragma once
/// How long each step of a creation took: what `rf create --timing` shows.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace rf::builder {

/// How long one step took.
struct Timing {
    std::string step;
    std::chrono::microseconds time;
};

class StopWatch {
public:
    /// Ends a step; the next one begins.
    void lap(std::string step)
    {
        const auto now = std::chrono::steady_clock::now();
        timings_.push_back({std::move(step), std::chrono::duration_cast<std::chrono::microseconds>(now - last_)});
        last_ = now;
    }
    [[nodiscard]] std::vector<Timing> take() { return std::move(timings_); }

private:
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    std::vector<Timing> timings_;
};

}  // namespace rf::builder
