// SPDX-License-Identifier: MIT
#pragma once
/// System time out of the shared page, the wall clock, and sleeping with the vCPU's one-shot timer. Nanoseconds throughout.

#include <cstdint>

#include "front/doors.hpp"
#include "result.hpp"
#include "xen/event.h"
#include "xen/shared_info.h"

namespace rf::runtime {

class Timer {
public:
    /// Stops the default 100 Hz tick and binds the timer's interrupt. Call once, after events.initialise.
    [[nodiscard]] Result<void> initialise();
    /// Where time is read; before this `now` is 0.
    void use(xen::shared_info* shared) { shared_ = shared; }

    /// Since the machine's boot; never goes back.
    [[nodiscard]] std::uint64_t now();
    /// Since 1970-01-01 00:00:00 UTC.
    [[nodiscard]] std::uint64_t wall_clock();

    /// Sleeps until `ready` holds, which is asked with events masked, or until system time `deadline`; handlers run meanwhile.
    /// False if it does not hold then.
    [[nodiscard]] bool wait_until(front::Condition ready, std::uint64_t deadline);
    /// Sleeps until system time `deadline`; handlers run meanwhile.
    void sleep_until(std::uint64_t deadline);
    void sleep_for(std::uint64_t nanoseconds) { sleep_until(now() + nanoseconds); }

private:
    xen::shared_info* shared_ = nullptr;
    std::uint64_t last_ = 0;
};

inline constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

extern Timer timer;

}  // namespace rf::runtime
