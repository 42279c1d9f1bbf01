// SPDX-License-Identifier: MIT
// Story: an operator runs guests with Ringfort's own tools: rf, and the daemons behind it.
//
// The store, console and management daemons start; `rf create` builds a Linux guest from its definition with a disk and a
// network card, both served by a backend process of its own; the guest serves a page from its disk over the bridge. It
// can be listed for people and for programs, paused, shut down. It writes to its disk, and the data is there afterwards.
// A bad definition gives one clear error and leaves nothing. In the end no domain, process, interface or memory is left.
#include <gtest/gtest.h>

#include "harness/story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto creation_limit = 240s;

class Toolstack : public Story {
protected:
    void boot_with_our_tools() {
        const auto overlay = build_directory() / "run/toolstack.overlay";
        const auto laid = run_program({source_directory() / "tests/demo/lay", build_directory(), overlay});
        ASSERT_TRUE(laid) << laid.error().message;
        MachineOptions options;
        options.name = "toolstack";
        options.hypervisor = hypervisor_from_environment();
        options.overlays = {build_directory() / "images/guest-files.cpio", overlay};
        options.wall_clock_limit = 900s;
        ASSERT_NO_FATAL_FAILURE(boot(options));
        run("ringfort-start");
    }
    long free_memory() { return std::atol(run("rf info | sed -n 's/^free_memory *: *//p'").c_str()); }
};

TEST_F(Toolstack, AGuestLivesAndLeavesNothingBehind) {
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools());
    const auto free_before = free_memory();
    EXPECT_GT(free_before, 128);

    const auto shown = run("ringfort-demo", creation_limit);
    EXPECT_NE(shown.find("Hello from a Ringfort guest"), std::string::npos) << shown;
    EXPECT_NE(run("rf list -o json").find("\"guest\""), std::string::npos);
    EXPECT_NE(run("rf list").find("Domain-0"), std::string::npos);
    EXPECT_EQ(run("rf domname $(rf domid guest)"), "guest");
    EXPECT_NE(run("rf vcpu-list guest").find("guest"), std::string::npos);

    run("rf pause guest");
    EXPECT_NE(run("rf list guest").find("p"), std::string::npos);
    run("rf unpause guest");
    run("ping -c 1 -W 20 10.9.0.2");

    EXPECT_EQ(run("rf create /etc/ringfort/guest.xml > /tmp/again.txt 2>&1; echo $?"), "4") << run("cat /tmp/again.txt");
    EXPECT_EQ(run("echo '<domain type=\"xen\"><name>x</name>' > /tmp/bad.xml; rf create /tmp/bad.xml > /tmp/bad.txt 2>&1; echo $?"), "2")
        << run("cat /tmp/bad.txt");

    run("rf shutdown guest", creation_limit);
    run("for i in $(seq 90); do [ $(rf list | wc -l) = 2 ] && break; sleep 1; done\n[ $(rf list | wc -l) = 2 ]", creation_limit);
    run("for i in $(seq 30); do pidof rf-backd > /dev/null || break; sleep 1; done\n! pidof rf-backd");
    EXPECT_EQ(run("ls /sys/class/net | grep -c vif || true"), "0");
    EXPECT_EQ(free_memory(), free_before);
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
