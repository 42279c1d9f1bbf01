// SPDX-License-Identifier: MIT
// idle: the smallest domain there is. It tells the meter that it runs (`tell=NAME` on its command line) and sleeps for good.
#include "runtime.hpp"
#include "tell.hpp"

using namespace rf::runtime;

void guest_main()
{
    rf::bench::tell("reached ", command_line_value("tell"));
    events.wait_until([] { return false; });
}
