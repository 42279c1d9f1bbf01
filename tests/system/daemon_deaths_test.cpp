// SPDX-License-Identifier: MIT
// Story: whichever part of the toolstack dies, at whichever system call, the operator's command succeeds in the end.
//
// A guest with two disks and a card is created, destroyed and rebooted again and again; each time the store, the console
// daemon, the manager, one half of the guest's backend or `rf` itself is killed at another system call that it makes meanwhile.
// Whoever starts daemons starts it again; if the command failed it is given again, and succeeds; the guest answers, or is gone.
// In the end nothing is left of any of these guests: no domain, page, grant, event channel, node, file, process, loop device,
// interface.
//
// RF_DEATHS says how many points of each operation are tried; 0: every system call before which the world may have changed
// (hours). RF_DEATHS_OF names processes, RF_DEATHS_AT operations, separated by commas; RF_DEATHS_PART=K/N takes every Nth point
// from the Kth, so that N machines share them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr int usual_points = 6;
/// Pages by which the hypervisor's own tables may have grown, once, over all of it.
constexpr long grown_tables = 8;

int points() {
    const char* const text = std::getenv("RF_DEATHS");
    return text ? std::atoi(text) : usual_points;
}

std::string part() {
    const char* const text = std::getenv("RF_DEATHS_PART");
    return text ? text : "1/1";
}

/// The words of the variable, separated by commas, or all.
std::vector<std::string> chosen(const char* variable, std::vector<std::string> all) {
    const char* const text = std::getenv(variable);
    if (!text) return all;
    std::vector<std::string> words;
    std::istringstream stream{text};
    for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
    return words;
}

class DaemonDeaths : public ToolstackStory {
protected:
    void boot_with_what_kills() {
        MachineOptions options;
        options.name = "daemon_deaths";
        // A traced process stops twice a call: on one processor that costs a fraction of what it costs on two.
        options.cpus = 1;
        options.wall_clock_limit = points() == 0 ? 86400s : 3000s;
        const auto overlay = build_directory() / "run/daemon_deaths.files";
        std::error_code error;
        std::filesystem::remove_all(overlay, error);
        std::filesystem::create_directories(overlay / "usr/bin");
        std::filesystem::copy_file(build_directory() / "tests/kill-at", overlay / "usr/bin/kill-at");
        options.overlays = {source_directory() / "tests/system/survival/dom0", overlay};
        ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, {}));
        run("for disk in a b; do dd if=/dev/zero of=/tmp/doomed-$disk.img bs=1M count=2 2> /dev/null; done; supervise");
        wait_until("[ -s /run/rf-stored.pid ] && [ -s /run/rf-consoled.pid ] && [ -s /run/rfd.pid ]");
    }
    void expect_survival(const std::string& who, const std::string& operation) {
        SCOPED_TRACE(who + ", " + operation);
        const auto said = run("deaths " + who + " " + operation + " " + std::to_string(points()) + " " + part(), points() == 0 ? 36000s : 900s);
        ASSERT_FALSE(HasFailure());
        const auto last = said.substr(said.rfind('\n') + 1);
        std::printf("%s\n", last.c_str());
        std::fflush(stdout);
        int calls = 0, tried = 0, killed = 0;
        const auto figures = last.find(": ");
        ASSERT_NE(figures, std::string::npos) << said;
        ASSERT_EQ(std::sscanf(last.c_str() + figures, ": %d calls, %d tried, killed %d", &calls, &tried, &killed), 3) << said;
        // How many calls there are differs from time to time: what waits, looks again.
        EXPECT_GE(killed * 2, std::min(tried, calls)) << said;
        expect_nothing_left(before_, grown_tables);
    }
    std::string before_;
};

TEST_F(DaemonDeaths, AtAnySystemCallAreSurvived) {
    ASSERT_NO_FATAL_FAILURE(boot_with_what_kills());
    // The first of its kind has Dom0 set up what it keeps.
    run("deaths point rfd create 1000000 && deaths point rfd reboot 1000000", 300s);
    ASSERT_FALSE(HasFailure());
    before_ = leftovers();
    for (const auto& who : chosen("RF_DEATHS_OF", {"rf-stored", "rfd", "rf-consoled", "parent", "served", "rf"}))
        for (const auto& operation : chosen("RF_DEATHS_AT", {"create", "destroy", "reboot"})) {
            ASSERT_NO_FATAL_FAILURE(expect_survival(who, operation));
            if (HasFailure()) break;
        }
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
