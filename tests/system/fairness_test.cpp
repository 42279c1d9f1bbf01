// SPDX-License-Identifier: MIT
// Story: what a tenant feels of a hostile one, measured in virtual time.
//
// One processor whose time is the number of instructions that it executes (MachineOptions::counted), so that a slow or busy
// machine below changes nothing. One tenant computes without end, one wakes every ten milliseconds; then the hostile guest
// begins, with two vCPUs that never rest, in as many lives as it takes. The one that wakes is never late by more than a tenth
// of a second, and the one that computes gets at least nine tenths of its fair share: of what Dom0 and the waking tenant leave,
// a third.
//
// RF_HOSTILE_OPERATIONS: how many hostile moves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr long longest_gap_us = 100'000;
constexpr double least_of_fair_share = 0.9;

long wanted_operations() {
    const char* wanted = std::getenv("RF_HOSTILE_OPERATIONS");
    return wanted != nullptr ? std::atol(wanted) : 60'000;
}

std::vector<GuestDefinition> guests() {
    const GuestDefinition computer{.name = "computer", .memory_mib = 8, .kernel = "/guests/sibling", .initrd = ""};
    GuestDefinition beater = computer, hostile = computer;
    beater.name = "beater";
    beater.command_line = "beat=10";
    hostile.name = "hostile";
    hostile.vcpus = 3;  // the third is only offered states to begin with
    hostile.kernel = "/guests/hostile";
    hostile.command_line = "operations=500000";
    hostile.on_reboot = "destroy";
    return {computer, beater, hostile};
}

/// What a sibling told about one second.
struct Report {
    long at_ms = 0, count = 0, worst_us = 0;
};

class Fairness : public ToolstackStory {
protected:
    std::vector<Report> reports(const std::string& name) {
        std::istringstream lines{run("sed -n 's/^sibling: at \\([0-9]*\\) [a-z]* \\([0-9]*\\) [a-z]* \\([0-9]*\\).*/\\1 \\2 \\3/p' " + console_log(name))};
        std::vector<Report> all;
        for (Report one; lines >> one.at_ms >> one.count >> one.worst_us;) all.push_back(one);
        return all;
    }
    /// Processor time that a domain has used, in ms.
    double used_ms(const std::string& name) {
        return std::atof(run("rf list -o json " + name + " | sed -n 's/.*\"cpu_time_ns\": *\\([0-9]*\\).*/\\1/p'").c_str()) / 1e6;
    }
    long operations() {
        return std::atol(run("awk '/seed/ {sum += last; last = 0} /operations/ {last = $2} END {print sum + last}' " + console_log("hostile")).c_str());
    }
};

TEST_F(Fairness, ATenantGetsItsShareBesideAHostileOne) {
    ::setenv("RF_TIME_SCALE", "10", 0);  // limits are in the time of the machine below, which is slower
    MachineOptions options;
    options.name = "fairness";
    options.counted = true;
    options.cpus = 1;
    options.wall_clock_limit = 3000s;
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, guests()));
    create("computer");
    create("beater");
    run("usleep 3000000");
    ASSERT_FALSE(reports("computer").empty());
    ASSERT_FALSE(reports("beater").empty());

    struct Sums {
        double elapsed = 0, computed = 0, others = 0;
        long gap = 0, late = 0;
    } sums;
    int lives = 0;
    for (long done = 0; done < wanted_operations() && lives < 40 && !HasFailure(); ++lives) {
        create("hostile");
        const auto computer = reports("computer"), beater = reports("beater");
        const double others = used_ms("Domain-0") + used_ms("beater");
        run("for i in $(seq 60); do usleep 1000000; rf domid hostile > /dev/null 2>&1 || break; done", 600s);
        const auto computer_later = reports("computer"), beater_later = reports("beater");
        sums.others += used_ms("Domain-0") + used_ms("beater") - others;
        sums.elapsed += static_cast<double>(computer_later.back().at_ms - computer.back().at_ms);
        sums.computed += static_cast<double>(computer_later.back().count - computer.back().count);
        for (auto i = computer.size(); i < computer_later.size(); ++i) sums.gap = std::max(sums.gap, computer_later[i].worst_us);
        for (auto i = beater.size(); i < beater_later.size(); ++i) sums.late = std::max(sums.late, beater_later[i].worst_us);
        run("rf destroy hostile 2> /dev/null || true");
        done = operations();
    }
    EXPECT_GE(operations(), wanted_operations()) << lives << " lives were too short";
    const double fair = (1 - sums.others / sums.elapsed) / 3;
    const double got = sums.computed / sums.elapsed;
    std::printf("fairness: %ld hostile operations in %d lives and %.1f s of virtual time; the computing tenant had %.1f %% of the processor, its fair "
                "share was %.1f %%; its longest gap %.1f ms, the latest beat %.1f ms late\n",
                operations(), lives, sums.elapsed / 1000, 100 * got, 100 * fair, static_cast<double>(sums.gap) / 1000,
                static_cast<double>(sums.late) / 1000);
    EXPECT_GE(got, least_of_fair_share * fair);
    EXPECT_LE(sums.gap, longest_gap_us);
    EXPECT_LE(sums.late, longest_gap_us);
    run("rf destroy computer; rf destroy beater");
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
