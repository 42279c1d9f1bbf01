// SPDX-License-Identifier: MIT
// Story: a machine of 4 GiB full of guests.
//
// Twenty Linux guests of 96 MiB and twenty small ones of 8 MiB run at once, each with a card on the bridge, and all answer
// pings. Then all are destroyed, and whatever they held is free.
#include <gtest/gtest.h>

#include <cstdio>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr unsigned guests_of_a_kind = 20;
constexpr auto long_limit = 1200s;

std::string two_digits(unsigned number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::vector<GuestDefinition> guests() {
    std::vector<GuestDefinition> all;
    for (unsigned i = 1; i <= guests_of_a_kind; ++i) {
        all.push_back({.name = "linux" + std::to_string(i),
                       .command_line = "rf.net=10.9.0.1" + two_digits(i) + "/24",
                       .mac = "00:16:3e:00:01:" + two_digits(i)});
        all.push_back({.name = "small" + std::to_string(i),
                       .memory_mib = 8,
                       .kernel = "/guests/network-responder",
                       .initrd = "",
                       .command_line = "ip=10.9.0.2" + two_digits(i) + "/24",
                       .mac = "00:16:3e:00:02:" + two_digits(i)});
    }
    return all;
}

class Density : public ToolstackStory {
protected:
    /// As run(), with the time it took on standard output.
    std::string timed(const std::string& what, const std::string& command) {
        const auto start = machine().age();
        auto output = run(command, long_limit);
        std::printf("%-40s %6.1f s\n", what.c_str(), machine().age() - start);
        return output;
    }
};

TEST_F(Density, FortyGuestsAnswerAtOnce) {
    MachineOptions options;
    options.name = "density";
    options.memory_mib = 4096;
    options.dom0_memory_mib = 1024;
    options.wall_clock_limit = 2400s;
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, guests()));
    const auto before = leftovers();
    timed("20 guests of 8 MiB created", "seq 20 | xargs -P 2 -I N rf create /etc/ringfort/smallN.xml");
    timed("20 Linux guests of 96 MiB created", "seq 20 | xargs -P 2 -I N rf create /etc/ringfort/linuxN.xml");
    EXPECT_EQ(run("rf list | wc -l"), "42");
    timed("all have answered",
          "for a in $(seq 101 120) $(seq 201 220); do for i in $(seq 300); do ping -c 1 -W 1 10.9.0.$a > /dev/null && break; done;"
          " [ $i != 300 ] || { echo 10.9.0.$a does not answer; break; }; done; [ $i != 300 ]");
    timed("all answer at once",
          "for a in $(seq 101 120) $(seq 201 220); do ping -c 3 -W 20 10.9.0.$a > /tmp/ping.$a & done; wait;"
          " cat /tmp/ping.* | grep -c ', 0% packet loss' > /tmp/answered; grep -L ', 0% packet loss' /tmp/ping.* | xargs -r cat; grep -q '^40$' /tmp/answered");
    std::printf("%s\n", run("rf list; rf info | grep memory; free -m").c_str());
    timed("all destroyed", "rf destroy $(rf list | sed -n 's/^\\([ls][a-z]*[0-9]*\\) .*/\\1/p')");
    expect_nothing_left(before, 64);
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
