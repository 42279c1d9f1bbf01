// SPDX-License-Identifier: MIT
// sibling: a guest that looks at nothing but the clock, to tell how much of its time others take. It computes without end and
// adds up the time that it had, or with `beat=MS` sleeps and wakes every so many milliseconds and tells how late it was. Once
// a second it tells since when (milliseconds of system time), and the worst of that second (microseconds).
#include <algorithm>

#include "runtime.hpp"

using namespace rf::runtime;

namespace {

constexpr std::uint64_t microsecond = 1'000, millisecond = 1'000'000;

std::uint64_t number_from(std::string_view text)
{
    std::uint64_t number = 0;
    for (const char digit : text)
        number = number * 10 + static_cast<unsigned>(digit - '0');
    return number;
}

/// Between two looks of a guest that runs lies less than this.
constexpr std::uint64_t a_moment = 50 * microsecond;

[[noreturn]] void compute()
{
    std::uint64_t last = timer.now(), ran = 0, gap = 0, next_report = last;
    for (;;) {
        const std::uint64_t now = timer.now();
        if (now - last < a_moment)
            ran += now - last;
        else
            gap = std::max(gap, now - last);
        last = now;
        if (now >= next_report) {
            print("sibling: at ", now / millisecond, " ran ", ran / millisecond, " gap ", gap / microsecond, "\n");
            gap = 0;
            next_report = now + nanoseconds_per_second;
            last = timer.now();
        }
    }
}

[[noreturn]] void beat(std::uint64_t period)
{
    std::uint64_t next = timer.now(), late = 0, next_report = next;
    for (std::uint64_t beats = 0;; ++beats) {
        next += period;
        timer.sleep_until(next);
        const std::uint64_t now = timer.now();
        late = std::max(late, now - next);
        if (now > next + period) // beats that were missed are not made up for
            next = now;
        if (now >= next_report) {
            print("sibling: at ", now / millisecond, " beats ", beats, " late ", late / microsecond, "\n");
            late = 0;
            next_report = now + nanoseconds_per_second;
        }
    }
}

}  // namespace

void guest_main()
{
    if (const auto period = command_line_value("beat"); !period.empty())
        beat(number_from(period) * millisecond);
    compute();
}
