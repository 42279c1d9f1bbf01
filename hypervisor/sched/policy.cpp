// SPDX-License-Identifier: MIT
#include "sched/policy.hpp"

#include <algorithm>

namespace rf::sched::policy {

namespace {

/// How far behind the clock a unit returns from sleep.
constexpr VirtualTime sleep_credit = 5'000'000;
/// How far behind the clock of its new queue a moved unit may be.
constexpr VirtualTime move_credit = 2 * longest_turn;
/// A woken unit interrupts only for an advantage of this much.
constexpr VirtualTime preemption_advantage = 1'000'000;
/// A unit changes queues only for an advantage of this much.
constexpr VirtualTime move_advantage = 10'000'000;

/// How far ahead of the clock a unit may be: what it can owe for its own last turns.
VirtualTime largest_debt(std::uint32_t weight) { return service(2 * longest_turn, weight); }

} // namespace

Nanoseconds turn(unsigned waiting) { return std::max(longest_turn / (waiting + 1), shortest_turn); }

VirtualTime service(Nanoseconds ran, std::uint32_t weight)
{
    return static_cast<VirtualTime>(ran * default_weight / weight);
}

VirtualTime after_sleep(VirtualTime own, VirtualTime clock, std::uint32_t weight)
{
    return std::clamp(own, clock - sleep_credit, clock + largest_debt(weight));
}

VirtualTime after_move(VirtualTime own, VirtualTime clock, std::uint32_t weight)
{
    return std::clamp(own, clock - move_credit, clock + largest_debt(weight));
}

bool preempts(VirtualTime waiting, VirtualTime running) { return waiting + preemption_advantage < running; }

Nanoseconds until_preempts(VirtualTime waiting, VirtualTime running, std::uint32_t weight)
{
    if (preempts(waiting, running))
        return 0;
    auto const missing = static_cast<Nanoseconds>(waiting + preemption_advantage - running) + 1;
    return missing * weight / default_weight + 1;
}

bool worth_moving(VirtualTime waiting, VirtualTime running) { return waiting + move_advantage < running; }

std::int64_t budget(std::uint32_t cap) { return static_cast<std::int64_t>(cap_period / 100 * cap); }

} // namespace rf::sched::policy
