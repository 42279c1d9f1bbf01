// SPDX-License-Identifier: MIT
#pragma once
/// System time: nanoseconds since the hypervisor started, computed from the time-stamp counter, and the wall clock.
///
/// The counters of all CPUs are taken to be synchronous and constant in rate, so there is one reference point for the
/// machine: system time 0 is the counter value at init(). Every vCPU's time page publishes exactly that point and scale;
/// hence all vCPUs and the hypervisor compute the same function and time cannot go backwards between them
/// (XEN_PVCLOCK_TSC_STABLE_BIT). Written once at boot, read without locks; only the wall clock changes later.

#include "base/types.hpp"
#include "xen/shared_info.h"

namespace rf::time {

inline constexpr Nanoseconds microsecond = 1'000;
inline constexpr Nanoseconds millisecond = 1'000'000;
inline constexpr Nanoseconds second = 1'000'000'000;

/// Counter ticks to nanoseconds as guests compute it: ((ticks << shift) * mul) >> 32, right shift for a negative shift.
struct Scale {
    std::uint32_t mul = 0;
    std::int8_t shift = 0;

    /// The scale with the most significant bits for a counter that ticks `khz` times in a millisecond (khz > 0).
    [[nodiscard]] static Scale of_khz(std::uint64_t khz);
    [[nodiscard]] Nanoseconds nanoseconds(std::uint64_t ticks) const;
    /// The least number of ticks that amounts to at least `duration`; saturates.
    [[nodiscard]] std::uint64_t ticks(Nanoseconds duration) const;
};

/// Starts system time at this moment. `tsc_khz`: calibrated counter rate; `wallclock_at_start`: nanoseconds since 1970 now.
void init(std::uint64_t tsc_khz, std::uint64_t wallclock_at_start);

/// System time.
[[nodiscard]] Nanoseconds now();
/// System time at a counter value; values before the start give 0.
[[nodiscard]] Nanoseconds at_tsc(std::uint64_t tsc);
/// The earliest counter value at which now() is at least `deadline`; all ones for `never`.
[[nodiscard]] std::uint64_t tsc_of(Nanoseconds deadline);
[[nodiscard]] std::uint64_t tsc_khz();
[[nodiscard]] Scale scale();

/// Writes the reference point into a time page, with the version protocol; safe while the guest reads.
void publish(xen::vcpu_time_info& page);
/// The same contents as a value (version 0), for areas that are written through guest virtual memory.
[[nodiscard]] xen::vcpu_time_info time_page();

/// Sets the wall clock: it was `seconds` and `nanoseconds` since 1970 at system time `at` (XENPF_settime64). The caller
/// then publishes it to every domain.
void set_wallclock(std::uint64_t seconds, std::uint32_t nanoseconds, Nanoseconds at);
/// Nanoseconds since 1970 at system time 0.
[[nodiscard]] std::uint64_t wallclock_base();
/// Writes the wall clock into a domain's shared page. `offset_seconds`: the domain's own offset (domctl settimeoffset).
void publish_wallclock(xen::shared_info& page, std::int64_t offset_seconds);

} // namespace rf::time
