// SPDX-License-Identifier: MIT
// bench: a guest kernel that counts what the hypervisor under it takes for each of its services, and reports one line per figure.
// `only=M1+M9` takes some. It runs as the initial domain (tests/bench/host) and as an ordinary guest (tests/bench/linux). It is meant for a machine whose time-stamp counter counts instructions (README.md).
#include "measure.hpp"

using namespace rf::runtime;

void guest_main()
{
    const std::uint64_t begun = rf::bench::ticks();
    print("bench: start ", begun, "\n");
    rf::bench::measure_hypercalls();
    rf::bench::measure_traps();
    rf::bench::measure_user_mode();
    rf::bench::measure_page_tables();
    rf::bench::measure_events();
    rf::bench::measure_grants();
    rf::bench::report("bench: done");
    shutdown(rf::bench::is_initial_domain() ? xen::SHUTDOWN_reboot : xen::SHUTDOWN_poweroff);
}
