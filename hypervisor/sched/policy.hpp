// SPDX-License-Identifier: MIT
#pragma once
/// The scheduling rules, as pure functions over virtual time.
///
/// Virtual time of a unit grows by the time it runs, scaled by default_weight / weight: units that get their fair share
/// keep equal virtual times. A queue's clock follows the least virtual time of the units that it runs or that wait there.
/// The unit with the least virtual time goes first. A unit that slept returns a little behind the clock, so it runs soon
/// (wake-up boost), but never far behind: sleeping earns no claim on the past.

#include "sched/unit.hpp"

namespace rf::sched::policy {

/// A turn is longest_turn divided by the number of units that share the CPU, within these bounds.
inline constexpr Nanoseconds longest_turn = 30'000'000;
inline constexpr Nanoseconds shortest_turn = 2'000'000;
/// Period of the cap's budget.
inline constexpr Nanoseconds cap_period = 20'000'000;
/// A capped unit runs at least so long once it is chosen; what it takes too much is a debt.
inline constexpr Nanoseconds shortest_capped_turn = 100'000;

/// Length of a turn when `waiting` units wait for the same CPU.
[[nodiscard]] Nanoseconds turn(unsigned waiting);
/// Virtual time for `ran` nanoseconds at `weight`.
[[nodiscard]] VirtualTime service(Nanoseconds ran, std::uint32_t weight);
/// Virtual time of a unit that enters a busy queue after a sleep.
[[nodiscard]] VirtualTime after_sleep(VirtualTime own, VirtualTime clock, std::uint32_t weight);
/// Virtual time of a waiting unit that is moved from one queue to a busy one.
[[nodiscard]] VirtualTime after_move(VirtualTime own, VirtualTime clock, std::uint32_t weight);
/// May the waiting unit interrupt the turn of the running one? `running`: for a unit that woke, the latter's virtual time
/// now; for one that waits for its next turn, that at the beginning of the running turn, which is not cut short for it.
[[nodiscard]] bool preempts(VirtualTime waiting, VirtualTime running);
/// How long a unit of `weight` with virtual time `running` may still run before preempts() holds; 0 when it does.
[[nodiscard]] Nanoseconds until_preempts(VirtualTime waiting, VirtualTime running, std::uint32_t weight);
/// Is a unit that waits elsewhere so much worse off than what this CPU runs that it should move?
[[nodiscard]] bool worth_moving(VirtualTime waiting, VirtualTime running);
/// Budget per period for a cap in percent of one CPU.
[[nodiscard]] std::int64_t budget(std::uint32_t cap);

} // namespace rf::sched::policy
