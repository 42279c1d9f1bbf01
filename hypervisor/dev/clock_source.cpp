// SPDX-License-Identifier: MIT
#include "dev/clock_source.hpp"

#include "cpu/relax.hpp"

#include <algorithm>
#include <array>

namespace rf::dev {
namespace {

/// Windows are this many milliseconds long; below the 54 ms in which the PIT's counter comes round.
constexpr std::uint64_t window_milliseconds = 25;
/// Readings after which a counter that did not move is taken for dead.
constexpr unsigned readings_without_progress = 200'000;
/// Readings in one window, at most: about 20 s with the slowest register.
constexpr unsigned most_readings = 20'000'000;
constexpr std::uint64_t slowest_khz = 1'000;
constexpr std::uint64_t fastest_khz = 100'000'000;

struct Sample {
    std::uint64_t tsc;
    std::uint64_t count;
};

/// Reads both clocks as nearly at one moment as a few attempts allow: the TSC's middle of the fastest counter reading.
Sample sample(ReferenceCounter& counter, std::uint64_t (*read_tsc)())
{
    Sample best{};
    std::uint64_t best_width = ~0ull;
    for (unsigned attempt = 0; attempt < 5; ++attempt) {
        std::uint64_t const before = read_tsc();
        std::uint64_t const count = counter.read();
        std::uint64_t const width = read_tsc() - before;
        if (width < best_width) {
            best_width = width;
            best = {.tsc = before + width / 2, .count = count};
        }
    }
    return best;
}

Result<std::uint64_t> measure_once(ReferenceCounter& counter, std::uint64_t (*read_tsc)())
{
    std::uint64_t const mask = counter.bits() >= 64 ? ~0ull : (1ull << counter.bits()) - 1;
    std::uint64_t const wanted = counter.hertz() * window_milliseconds / 1000 + 1;
    Sample const start = sample(counter, read_tsc);
    std::uint64_t elapsed = 0;
    std::uint64_t last = start.count;
    for (unsigned reading = 0; elapsed < wanted; ++reading) {
        if (reading == most_readings || (reading == readings_without_progress && elapsed == 0))
            return fail(Errno::etimedout);
        std::uint64_t const now = counter.read();
        elapsed += (now - last) & mask;
        last = now;
        cpu::relax();
    }
    Sample const end = sample(counter, read_tsc);
    elapsed += (end.count - last) & mask;
    std::uint64_t const ticks = end.tsc - start.tsc;
    if (ticks > ~0ull / counter.hertz())
        return fail(Errno::erange);
    // kHz = ticks / (elapsed / hertz) / 1000, rounded.
    std::uint64_t const divisor = elapsed * 1000;
    return (ticks * counter.hertz() + divisor / 2) / divisor;
}

} // namespace

Result<std::uint64_t> measure_khz(ReferenceCounter& counter, std::uint64_t (*read_tsc)())
{
    std::array<std::uint64_t, 3> results{};
    for (auto& result : results)
        result = TRY(measure_once(counter, read_tsc));
    std::ranges::sort(results);
    std::uint64_t const median = results[1];
    if (median < slowest_khz || median > fastest_khz)
        return fail(Errno::erange);
    return median;
}

} // namespace rf::dev
