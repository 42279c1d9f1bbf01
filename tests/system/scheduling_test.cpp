// SPDX-License-Identifier: MIT
// Story: a host shares its processors as the operator said.
//
// Dom0 keeps CPU 0; three tenants live on CPU 1 alone. Two compute without end: they get its time by their weights, two to
// one, and all of it. The third mostly sleeps: when a packet wakes it, it runs at once although the others never yield. A
// tenant with a cap of 25 per cent gets no more even when nobody else wants the processor. A host with nothing to do halts.
#include <gtest/gtest.h>

#include <chrono>
#include <regex>
#include <thread>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto measured = 8s;
const std::string network = "10.9.0.";

/// A guest on CPU 1 with a card.
GuestDefinition tenant(const std::string& name, unsigned address, const std::string& tuning, const std::string& work) {
    const auto number = std::to_string(address);
    return {.name = name,
            .command_line = "quiet rf.net=" + network + number + "/24" + work,
            .mac = "00:16:3e:00:00:0" + number,
            .cpuset = "1",
            .tuning = tuning};
}

class Scheduling : public ToolstackStory {
protected:
    void boot_with_guests();
    /// Creates a guest and waits until it is on the network.
    void start(const std::string& name, unsigned address) {
        create(name);
        wait_until("ping -c 1 -W 1 " + network + std::to_string(address));
    }

    /// Average time in ms until the sleeper answers a ping; every one must be answered.
    double answer_time(unsigned count) {
        const auto answers = run("ping -c " + std::to_string(count) + " -i 0.2 -W 2 " + network + "4", 60s);
        EXPECT_NE(answers.find(" 0% packet loss"), std::string::npos) << answers;
        std::smatch average;
        if (!std::regex_search(answers, average, std::regex{"min/avg/max = [0-9.]+/([0-9.]+)/"})) ADD_FAILURE() << answers;
        return average.empty() ? 0 : std::stod(average[1]);
    }

    struct Used {
        double seconds;
        std::chrono::steady_clock::time_point when;
    };
    Used used(const std::string& name) {
        const auto shown = run("rf list -o json " + name);
        std::smatch found;
        if (!std::regex_search(shown, found, std::regex{"\"cpu_time_ns\": *([0-9]+)"})) ADD_FAILURE() << shown;
        return {found.empty() ? 0 : std::stod(found[1]) / 1e9, std::chrono::steady_clock::now()};
    }
    /// Share of one processor that a guest got between two looks.
    static double share(const Used& from, const Used& to) {
        return (to.seconds - from.seconds) / std::chrono::duration<double>(to.when - from.when).count();
    }
};

void Scheduling::boot_with_guests() {
    const std::string burn = " rf.run=sha256sum,/dev/zero";
    MachineOptions options;
    options.name = "scheduling";
    options.hypervisor_arguments = "dom0_max_vcpus=1 dom0_vcpus_pin";
    boot_with_our_tools(options, {tenant("sleeper", 4, "", ""), tenant("heavy", 2, "<shares>512</shares>", burn),
                                  tenant("light", 3, "<shares>256</shares>", burn),
                                  tenant("capped", 5, "<period>100000</period><quota>25000</quota>", burn)});
}

TEST_F(Scheduling, ProcessorsAreSharedAsTheOperatorSaid) {
    ASSERT_NO_FATAL_FAILURE(boot_with_guests());
    start("sleeper", 4);
    const double alone = answer_time(20);
    start("heavy", 2);
    start("light", 3);
    ASSERT_FALSE(HasFailure());
    EXPECT_NE(run("rf vcpu-list heavy"), "");

    const auto heavy = used("heavy"), light = used("light");
    const double beside_others = answer_time(40);
    const auto heavy_later = used("heavy"), light_later = used("light");
    const double heavy_share = share(heavy, heavy_later), light_share = share(light, light_later);
    RecordProperty("heavy_share", std::to_string(heavy_share));
    RecordProperty("light_share", std::to_string(light_share));
    EXPECT_NEAR((heavy_later.seconds - heavy.seconds) / (light_later.seconds - light.seconds), 2, 0.3);
    EXPECT_GT(heavy_share + light_share, 0.9) << "the processor was idle while two guests wanted it";
    RecordProperty("sleeper_average_ms", std::to_string(beside_others));
    EXPECT_LT(beside_others, std::max(10.0, 4 * alone)) << "a guest that wakes waits for those that compute; alone it answers in " << alone << " ms";

    run("rf destroy heavy; rf destroy light");
    start("capped", 5);
    const auto capped = used("capped");
    std::this_thread::sleep_for(measured);
    EXPECT_NEAR(share(capped, used("capped")), 0.25, 0.04);

    run("rf destroy capped; rf destroy sleeper");
    std::this_thread::sleep_for(1s);
    const double busy = machine().processor_seconds();
    std::this_thread::sleep_for(4s);
    EXPECT_LT((machine().processor_seconds() - busy) / 4, 0.5) << "a host with nothing to do keeps its processors busy";
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
