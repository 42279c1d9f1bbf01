// SPDX-License-Identifier: MIT
// switch: one of two guests that hand the processor to each other (`switch=ping` or `switch=pong` on the command line, ping created first and
// pong next). Ping opens an event channel for the domain after it; pong finds it by trying the ports of the domain before it. Then one sends and
// sleeps (SCHEDOP_block) until the other's event comes, and so on: with one processor each round is two switches between domains and two sends.
#include <atomic>

#include "runtime.hpp"
#include "tell.hpp"

using namespace rf::runtime;

namespace {

constexpr std::string_view figure = "M18";
constexpr unsigned windows = 5, warm_up = 500, rounds = 2000, switches_per_round = 2;
constexpr Port ports_tried = 64;
constexpr std::uint64_t patience = 60 * nanoseconds_per_second, retry_pause = nanoseconds_per_second / 10;
/// Until Dom0 has ended the command that created us and sleeps.
constexpr std::uint64_t settling = 5 * nanoseconds_per_second;

std::uint64_t arrived = 0;  // events; written by the handler alone, but for the start

void count_event(Port, void*) { arrived = arrived + 1; }

[[noreturn]] void refuse(std::string_view why)
{
    rf::bench::tell("refused ", figure, " ", why);
    shutdown(xen::SHUTDOWN_poweroff);
}

bool wait_for(std::uint64_t events_in_all, std::uint64_t limit)
{
    auto there = [=] { return std::atomic_ref(arrived).load(std::memory_order_relaxed) >= events_in_all; };
    return events.wait(there, limit);
}

void bounce(Port port, unsigned count)
{
    std::uint64_t seen = arrived;
    for (unsigned round = 0; round < count; ++round) {
        events.notify(port);
        static_cast<void>(wait_for(++seen, events.for_ever));
    }
}

void ping(xen::domid_t other)
{
    const Port port = require(events.open(other), "open an event channel");
    require(events.handle(port, count_event, nullptr), "handle its events");
    if (!wait_for(1, patience))
        refuse("the second guest did not connect");
    timer.sleep_for(settling);
    bounce(port, warm_up);
    const rf::front::Digits operations{rf::front::Padded{rounds * switches_per_round, 1}};
    for (unsigned window = 0; window < windows; ++window) {
        rf::bench::tell("begin ", figure);
        bounce(port, rounds);
        rf::bench::tell("end ", figure, " ", operations.view());
    }
    events.notify(port);
}

Port find_port(xen::domid_t other)
{
    for (const std::uint64_t end = timer.now() + patience; timer.now() < end; timer.sleep_for(retry_pause))
        for (Port remote = 1; remote < ports_tried; ++remote)
            if (const auto port = events.bind_interdomain(other, remote))
                return *port;
    refuse("the first guest has no event channel for this one");
}

void pong(xen::domid_t other)
{
    const Port port = find_port(other);
    require(events.handle(port, count_event, nullptr), "handle the channel's events");
    // being connected is an event of its own
    timer.sleep_for(retry_pause);
    std::uint64_t seen = arrived;
    events.notify(port);
    for (unsigned round = 0; round < warm_up + windows * rounds; ++round) {
        static_cast<void>(wait_for(++seen, events.for_ever));
        events.notify(port);
    }
    // one more: the end of this domain must not lie in the last window
    static_cast<void>(wait_for(++seen, events.for_ever));
}

}  // namespace

void guest_main()
{
    require(connect_store(start_info()), "reach the store");
    const auto own = static_cast<xen::domid_t>(require(store.read_number("domid"), "read this domain's number"));
    if (command_line_value("switch") == "ping")
        ping(own + 1);
    else
        pong(own - 1);
}
