// SPDX-License-Identifier: MIT
#pragma once
/// Lines for the operator that a guest can cause as often as it likes: some at once, then one for each pause; each tells how many
/// before it were left out. Pure: the caller has the clock.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace rf::xenbus {

class LineRation {
public:
    using Clock = std::chrono::steady_clock;

    /// `burst` lines (at least one) at once; one more for each `pause` (above zero) that passed.
    LineRation(std::uint64_t burst, Clock::duration pause) : burst_(burst), pause_(pause), left_(burst) {}

    /// The line as it may be told now, or nothing.
    [[nodiscard]] std::optional<std::string> tell(std::string line, Clock::time_point now)
    {
        refill(now);
        if (left_ == 0) {
            ++left_out_;
            return std::nullopt;
        }
        --left_;
        if (const auto count = std::exchange(left_out_, 0); count != 0)
            line += " (" + std::to_string(count) + " lines since the last one were left out)";
        return line;
    }

private:
    void refill(Clock::time_point now)
    {
        const auto pauses = static_cast<std::uint64_t>(std::max<Clock::rep>(0, (now - since_) / pause_));
        if (left_ + pauses >= burst_) {
            left_ = burst_;
            since_ = now;
        } else {
            left_ += pauses;
            since_ += pauses * pause_;
        }
    }

    std::uint64_t burst_;
    Clock::duration pause_;
    std::uint64_t left_;
    std::uint64_t left_out_ = 0;
    Clock::time_point since_{};  ///< what passed before is in `left_`
};

}  // namespace rf::xenbus
