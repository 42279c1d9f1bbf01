// SPDX-License-Identifier: MIT
// hostile: a guest that does what no guest should, as fast as it can, until it is told to stop or kills itself. `seed=N` makes a
// run repeatable; without it each life differs. It tells on its console how far it came, once a second, and shouts BREACH when
// the hypervisor allowed what it must not. Its own death is no news: whoever created it starts the next life.
#include "world.hpp"

using namespace rf::runtime;
using rf::hostile::world;

namespace {

std::uint64_t number_from(std::string_view text)
{
    std::uint64_t number = 0;
    for (const char digit : text)
        number = number * 10 + static_cast<unsigned>(digit - '0');
    return number;
}

void report()
{
    print("hostile: ", world.operations, " operations, ", world.accepted, " accepted, ", world.faults, " faults\n");
}

}  // namespace

void guest_main()
{
    static constexpr void (*families[])() = {rf::hostile::abuse_page_tables, rf::hostile::abuse_page_tables, rf::hostile::abuse_memory,
                                             rf::hostile::abuse_grants,      rf::hostile::abuse_events,      rf::hostile::abuse_processor,
                                             rf::hostile::abuse_descriptors, rf::hostile::abuse_anything};
    const auto wanted = command_line_value("seed");
    const std::uint64_t seed = wanted.empty() ? timer.now() : number_from(wanted);
    const auto limit = command_line_value("operations");
    const std::uint64_t most = limit.empty() ? ~0ull : number_from(limit);
    print("hostile: seed ", seed, "\n");
    world.initialise(seed);
    rf::hostile::prepare_attempts();
    rf::hostile::check_returns();
    constexpr std::uint64_t ticks_between_reports = 1ull << 30;  // of the TSC: the clock's page is one of our victims
    std::uint64_t next_report = __builtin_ia32_rdtsc() + ticks_between_reports;
    while (world.operations < most) {
        families[world.random.below(std::size(families))]();
        if (++world.operations % 64 == 0 && __builtin_ia32_rdtsc() >= next_report) {
            report();
            next_report += ticks_between_reports;
        }
    }
    report();
    print("hostile: done\n");
}
