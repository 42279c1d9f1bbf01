// SPDX-License-Identifier: MIT
// Story: one tenant is hostile, and the others do not notice.
//
// A guest of tests/hostile makes a great many hostile moves on two vCPUs, in as many lives as that takes: hypercalls with every kind
// of argument, some of which the other vCPU changes meanwhile, page tables of nonsense, grants to anybody, frames to return to
// nowhere, and every now and then a mapping of every fourth frame of the machine. A Linux guest copies and compares a file on its disk
// without end and answers pings. Nothing that belongs to somebody else gets into the hostile guest's hands, the hypervisor's audit
// finds every reference accounted for after each life, the neighbour's data and answers are right, and no page is missing
// afterwards. The story tells how much the neighbour felt of it.
//
// RF_HOSTILE_OPERATIONS: how many moves (make soak); without it a million, or as many as there is time for. RF_HOSTILE_RUNS=FILE: on
// one processor, with the emulator's plugin writing the hypervisor's longest runs to FILE (make longest-runs).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

const char* named_operations() { return std::getenv("RF_HOSTILE_OPERATIONS"); }
long wanted_operations() { return named_operations() != nullptr ? std::atol(named_operations()) : 1'000'000; }
/// Unless somebody named a number, a slow machine may stop after so much time with fewer.
constexpr auto patience = 75s;
long least_operations() { return named_operations() != nullptr ? wanted_operations() : 300'000; }
const char* runs_file() { return std::getenv("RF_HOSTILE_RUNS"); }
constexpr auto life_limit = 60s;

std::vector<GuestDefinition> guests() {
    return {
    {.name = "hostile",
     .memory_mib = 8,
     .vcpus = 3,  // the third is only offered states to begin with
     .kernel = "/guests/hostile",
     .initrd = "",
     .command_line = runs_file() != nullptr ? "operations=20000 burdens=32" : "operations=500000",
     .on_reboot = "destroy"},
    {.name = "neighbour",
     .command_line = "quiet rf.net=10.9.0.2/24 rf.disk=xvda rf.run=sh,/mnt/work",
     .disk = "/images/neighbour.img",
     .mac = "00:16:3e:00:00:02"},
    };
}

const char* const neighbour_work =
    "round=0\n"
    "while :; do\n"
    "    cp /mnt/data /mnt/copy; sync; echo 3 > /proc/sys/vm/drop_caches\n"
    "    cmp /mnt/data /mnt/copy || echo 'neighbour: WRONG'\n"
    "    round=$((round + 1)); echo \"neighbour: round $round\"\n"
    "done\n";

class Hostile : public ToolstackStory {
protected:
    /// The neighbour's disk.
    Result<fs::path> lay_disk() {
        const auto work = build_directory() / "run/hostile.files", overlay = work / "overlay", content = work / "content";
        std::error_code error;
        fs::create_directories(content, error);
        fs::create_directories(overlay / "images", error);
        if (error) return std::unexpected(Failure{"cannot make " + work.string() + ": " + error.message()});
        std::ofstream{content / "work"} << neighbour_work;
        std::ofstream data{content / "data", std::ios::binary};
        for (unsigned i = 0; i < 500'000; ++i) data << i * 2654435761u % 1000003 << '\n';
        data.close();
        if (auto made = run_program({source_directory() / "tests/images/make-disk", overlay / "images/neighbour.img", "24M", content}); !made)
            return std::unexpected(made.error());
        return overlay;
    }
    long number(const std::string& command) { return std::atol(run(command).c_str()); }
    double seconds() { return static_cast<double>(number("awk '{print int($1 * 1000)}' /proc/uptime")) / 1000; }
    /// Pages that no domain has, as the hypervisor counts them.
    long free_pages() {
        return number("rf debug-keys q; for i in $(seq 50); do rf dmesg | tail -n 3 | grep -q 'counts: machine' && break; usleep 100000; done; "
                      "rf dmesg | sed -n 's/.*counts: machine.*free pages \\([0-9]*\\),.*/\\1/p' | tail -n 1");
    }
    long rounds() { return number("sed -n 's/.*neighbour: round \\([0-9]*\\).*/\\1/p' " + console_log("neighbour") + " | tail -n 1"); }
};

TEST_F(Hostile, NeighboursDoNotNotice) {
    MachineOptions options;
    options.name = "hostile";
    const auto disk = lay_disk();
    ASSERT_TRUE(disk) << disk.error().message;
    options.overlays = {*disk};
    options.wall_clock_limit = 600s + std::chrono::seconds{wanted_operations() / 2000};
    if (const char* file = runs_file()) {
        options.cpus = 1;
        options.extra_qemu_arguments = {"-plugin", (build_directory() / "hostile/longest.so").string() + ",out=" + file};
    }
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, guests()));
    // A first life, so that what Dom0 and the hypervisor keep for the next domain is there before anything is counted.
    create("neighbour");
    wait_until("ping -c 1 -W 1 10.9.0.2");
    run("rf destroy neighbour");
    const auto before = leftovers();
    create("neighbour");
    wait_until("ping -c 1 -W 1 10.9.0.2");
    wait_for_line("neighbour", "round 1");
    ASSERT_FALSE(HasFailure());
    // The neighbour's pace while it is left in peace.
    const auto peace_from = seconds();
    const auto peace_rounds = rounds();
    run("usleep 10000000");
    const auto rounds_before = rounds();
    const double peace = static_cast<double>(rounds_before - peace_rounds) / (seconds() - peace_from);
    const auto war_from = seconds();
    run("ping -i 0.2 10.9.0.2 > /tmp/ping.txt & echo $! > /tmp/ping.pid");

    long operations = 0;
    int lives = 0;
    std::vector<long> pages;  // free ones after each life
    // Most lives bring 50,000 operations and more.
    const auto most_lives = 20 + wanted_operations() / 10'000;
    const auto wanted = [&] { return seconds() - war_from < static_cast<double>(patience.count()) ? wanted_operations() : least_operations(); };
    for (; operations < wanted() && lives < most_lives; ++lives) {
        create("hostile");
        run("end=$(($(date +%s) + " + std::to_string(life_limit.count()) + ")); while rf domid hostile > /dev/null 2>&1 && [ $(date +%s) -lt $end ]; do "
            "usleep 250000; done; rf destroy hostile 2> /dev/null || true", 2 * life_limit);
        // Each life tells its own count, growing.
        operations = number("awk '/seed/ {sum += last; last = 0} /operations,/ {last = $2} END {print sum + last}' " + console_log("hostile"));
        EXPECT_EQ(run("grep BREACH " + console_log("hostile") + " || true"), "");
        run("rf debug-keys a; for i in $(seq 50); do rf dmesg | tail -n 3 | grep -q audit: && break; usleep 100000; done");
        EXPECT_EQ(run("rf dmesg | grep 'audit: ' | tail -n 1 | grep -c 'audit: clean' || true"), "1");
        if (HasFailure()) break;
        pages.push_back(free_pages());
        std::printf("hostile: %ld operations in %d lives, %ld pages are free\n", operations, lives + 1, pages.back());
        std::fflush(stdout);
    }
    RecordProperty("operations", std::to_string(operations));
    RecordProperty("lives", std::to_string(lives));
    EXPECT_GE(operations, least_operations()) << lives << " lives were too short";
    EXPECT_GE(number("grep -c 'hostile: surveyed' " + console_log("hostile")), 1) << "no life lasted until it had tried to map the machine's frames";
    const double war_seconds = seconds() - war_from;
    const double war = static_cast<double>(rounds() - rounds_before) / war_seconds;

    end_ping("$(cat /tmp/ping.pid)");
    EXPECT_EQ(unanswered_pings("/tmp/ping.txt", 5), "") << run("tail -n 3 /tmp/ping.txt");
    const auto gap = run("sed -n 's/.*time=\\([0-9.]*\\) ms.*/\\1/p' /tmp/ping.txt | sort -n | tail -n 1");
    std::printf("hostile: %ld operations in %d lives and %.0f s; the neighbour's slowest answer took %.0f ms; its pace was %.2f rounds a second "
                "in peace, %.2f beside the hostile guest\n", operations, lives, war_seconds, std::atof(gap.c_str()), peace, war);
    EXPECT_EQ(run("grep WRONG " + console_log("neighbour") + " || true"), "");
    EXPECT_GT(rounds(), rounds_before) << "the neighbour did no work meanwhile";
    run("rf destroy neighbour");
    expect_nothing_left(before, 16);
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
