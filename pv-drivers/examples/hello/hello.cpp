// SPDX-License-Identifier: MIT
// hello: the smallest complete guest. It greets, tells the time three times, one second apart, and powers off. The toolstack may end it earlier.
#include "runtime.hpp"

using namespace rf::runtime;

void guest_main()
{
    print("Hello from a guest of ", memory.total_pages() * page_size / (1024 * 1024), " MiB; ", memory.free_pages(),
          " pages are free. Command line: \"", std::string_view{start_info().cmd_line}, "\"\n");

    // a guest without a store waits all the same, but nobody can tell it to end
    if (!connect_store(start_info()) || !control.initialise())
        print("hello: no store, no orders\n");
    const std::uint64_t begin = timer.now();
    for (unsigned tick = 1; tick <= 3; ++tick) {
        control.sleep_until(begin + tick * nanoseconds_per_second);
        const std::uint64_t since_begin = (timer.now() - begin) / 1'000'000;
        const std::uint64_t second_of_day = timer.wall_clock() / nanoseconds_per_second % 86400;
        print("hello: tick ", tick, " after ", since_begin, " ms, ", Padded{second_of_day / 3600, 2}, ":",
              Padded{second_of_day / 60 % 60, 2}, ":", Padded{second_of_day % 60, 2}, " UTC\n");
    }
    print("Goodbye.\n");
}
