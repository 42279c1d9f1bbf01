// SPDX-License-Identifier: MIT
#pragma once
/// Rate control for one event channel: a port stays masked from its event until the gate lets it be opened again. Events
/// that brought work open it at once; a guest that only makes noise waits longer each time. Pure: the caller has the clock.

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace rf::xenbus {

class EventGate {
public:
    using Duration = std::chrono::microseconds;
    static constexpr std::uint32_t free_events = 8;       ///< idle events in a row that cost nothing
    static constexpr Duration first_delay{1'000};
    static constexpr Duration longest_delay{100'000};

    /// What an event turned out to be.
    enum class Found { nothing, work };

    /// How long the port must stay masked after an event that found this.
    [[nodiscard]] Duration after(Found found)
    {
        if (found == Found::work) {
            idle_events_ = 0;
            return Duration::zero();
        }
        if (++idle_events_ <= free_events)
            return Duration::zero();
        const std::uint32_t doublings = std::min<std::uint32_t>(idle_events_ - free_events - 1, 16);
        return std::min(longest_delay, first_delay * (1u << doublings));
    }

private:
    std::uint32_t idle_events_ = 0;
};

}  // namespace rf::xenbus
