// SPDX-License-Identifier: MIT
// hostile: a guest that does what no guest should, on two vCPUs, as fast as it can, until it is told to stop or kills itself.
// `seed=N` repeats each vCPU's chance (not how they interleave); without it each life differs. `burdens=N`: one move in N asks for
// as much work as it can. It tells on its console how far it came, once a second, and shouts BREACH when the hypervisor
// allowed what it must not. Its own death is no news: whoever created it starts the next life.
#include "belongings.hpp"
#include "world.hpp"

using namespace rf::runtime;
using rf::hostile::self;
using rf::hostile::World;

namespace {

std::uint64_t number_from(std::string_view text)
{
    std::uint64_t number = 0;
    for (const char digit : text)
        number = number * 10 + static_cast<unsigned>(digit - '0');
    return number;
}

std::uint64_t most = ~0ull;
std::uint64_t burdens = 4096;  ///< one move in so many asks for as much work as it can

std::uint64_t sum_of(std::uint64_t rf::hostile::World::* counter)
{
    std::uint64_t sum = 0;
    for (auto& world : rf::hostile::worlds)
        sum += __atomic_load_n(&(world.*counter), __ATOMIC_RELAXED);
    return sum;
}

void report()
{
    print("hostile: ", sum_of(&World::operations), " operations, ", sum_of(&World::accepted), " accepted, ", sum_of(&World::faults), " faults, ",
          sum_of(&World::races), " raced, ", rf::hostile::worlds[1].operations, " on the second vCPU\n");
}

void move()
{
    static constexpr void (*families[])() = {rf::hostile::abuse_page_tables, rf::hostile::abuse_page_tables, rf::hostile::abuse_memory,
                                             rf::hostile::abuse_grants,      rf::hostile::abuse_events,      rf::hostile::abuse_processor,
                                             rf::hostile::abuse_descriptors, rf::hostile::abuse_anything};
    World& own = self();
    (void)rf::hostile::serve_races();
    if (own.random.once_in(64))
        rf::hostile::abuse_arguments();
    else if (own.random.once_in(burdens))
        rf::hostile::abuse_patience();
    else
        families[own.random.below(std::size(families))]();
    ++own.operations;
}

[[noreturn]] void walk_on_second()
{
    events.unmask_upcalls();
    for (;;)
        move();
}

}  // namespace

void guest_main()
{
    static ProcessorStack second_stack;
    const auto wanted = command_line_value("seed");
    const std::uint64_t seed = wanted.empty() ? timer.now() : number_from(wanted);
    if (const auto limit = command_line_value("operations"); !limit.empty())
        most = number_from(limit);
    if (const auto odds = command_line_value("burdens"); !odds.empty())
        burdens = number_from(odds);
    print("hostile: seed ", seed, "\n");
    rf::hostile::ground.initialise();
    for (unsigned walker = 0; walker < rf::hostile::walkers; ++walker)
        rf::hostile::worlds[walker].initialise(seed + walker);
    rf::hostile::prepare_races();
    rf::hostile::prepare_attempts();
    rf::hostile::check_returns();
    require(start_processor(1, second_stack, walk_on_second), "start the second vCPU");
    constexpr std::uint64_t ticks_between_reports = 1ull << 30;  // of the TSC: the clock's page is one of our victims
    constexpr unsigned turns_between_surveys = 1 << 16, first_survey = 1 << 11;
    std::uint64_t next_report = __builtin_ia32_rdtsc() + ticks_between_reports;
    for (unsigned turn = 1; sum_of(&World::operations) < most; ++turn) {
        move();
        if (turn % turns_between_surveys == first_survey)
            rf::hostile::survey();
        rf::hostile::ground.tell_breaches();
        if (turn % 64 == 0 && __builtin_ia32_rdtsc() >= next_report) {
            report();
            next_report += ticks_between_reports;
        }
    }
    report();
    print("hostile: done\n");
}
