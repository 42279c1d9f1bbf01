// SPDX-License-Identifier: MIT
// Story: someone wrote guests of his own, each on our small runtime, and runs them beside Linux.
//
// `rf create` starts them from definitions that give each 8 MiB. `hello` greets, finds its second as long as everybody's and
// powers off; `block-check` writes all over its disk, reads it back and leaves the disk as it found it. `network-responder`
// answers ping and serves its page to Dom0 and to a Linux guest: once on the backend process with a fixed address, once on the
// kernel's backend with a leased one. Its card survives a killed backend process; it sleeps when nobody asks. It obeys
// `rf reboot` and `rf shutdown`. In the end all memory is back.
#include <gtest/gtest.h>

#include <fstream>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto creation_limit = 180s;

/// 8 MiB of memory, a kernel of build/guests.
GuestDefinition small(const std::string& name, const std::string& kernel, const std::string& command_line) {
    return {.name = name, .memory_mib = 8, .kernel = "/guests/" + kernel, .initrd = "", .command_line = command_line};
}

std::vector<GuestDefinition> guests() {
    auto block_check = small("block-check", "block-check", "");
    block_check.disk = "/images/checked.img";
    auto fixed = small("fixed", "network-responder", "ip=10.9.0.7/24"), leased = small("leased", "network-responder", "ip=dhcp");
    fixed.mac = "00:16:3e:00:00:07";
    leased.mac = "00:16:3e:00:00:08";
    leased.card_driver = "netback";
    return {small("hello", "hello", "who=hello"), block_check, fixed, leased,
            {.name = "linux",
             .memory_mib = 128,
             .command_line = "rf.net=10.9.0.2/24 rf.run=wget,-q,-O,-,http://10.9.0.7/",
             .mac = "00:16:3e:00:00:02"}};
}

/// The disk to be checked, made anew, and a DHCP server's settings.
Result<std::filesystem::path> lay_files() {
    const auto overlay = build_directory() / "run/example_guest.files";
    std::error_code error;
    std::filesystem::create_directories(overlay / "images", error);
    if (error) return std::unexpected(Failure{"cannot make " + overlay.string() + ": " + error.message()});
    std::ofstream{overlay / "images/udhcpd.conf"} << "start 10.9.0.100\nend 10.9.0.100\nmax_leases 1\ninterface br0\noption subnet 255.255.255.0\n"
                                                     "option lease 3600\nlease_file /tmp/leases\n";
    if (auto made = run_program({source_directory() / "tests/images/make-disk", overlay / "images/checked.img", "4M"}); !made)
        return std::unexpected(made.error());
    return overlay;
}

class ExampleGuest : public ToolstackStory {
protected:
    void boot_with_guests() {
        const auto overlay = lay_files();
        ASSERT_TRUE(overlay) << overlay.error().message;
        MachineOptions options;
        options.name = "example_guest";
        options.overlays = {*overlay};
        options.wall_clock_limit = 600s;
        ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, guests()));
    }

    void wait_for_end(const std::string& name) { wait_until("! rf domid " + name); }
    void expect_answers(const std::string& address) {
        wait_until("ping -c 1 -W 2 " + address);
        EXPECT_NE(run("wget -q -O - http://" + address + "/").find("Hello from a Ringfort guest"), std::string::npos);
    }
    long number(const std::string& command) { return std::atol(run(command).c_str()); }

    void check_greeting(const std::string& greeting) {
        EXPECT_NE(greeting.find("Hello from a guest of 8 MiB"), std::string::npos) << greeting;
        EXPECT_NE(greeting.find("\"who=hello\""), std::string::npos) << greeting;
        for (long tick = 1; tick <= 3; ++tick) {
            const auto line = "tick " + std::to_string(tick) + " after ";
            const auto at = greeting.find(line);
            ASSERT_NE(at, std::string::npos) << greeting;
            const auto milliseconds = std::atol(greeting.c_str() + at + line.size());
            EXPECT_GE(milliseconds, tick * 1000);
            // a loaded host delays a sleeper, but not by seconds
            EXPECT_LT(milliseconds, tick * 1000 + 3000);
        }
    }
};

TEST_F(ExampleGuest, RunBesideLinuxAndLeaveNothingBehind) {
    ASSERT_NO_FATAL_FAILURE(boot_with_guests());
    const auto before = leftovers();
    const auto disk_before = run("md5sum /images/checked.img");
    run("touch /tmp/leases; udhcpd -f /images/udhcpd.conf > /tmp/udhcpd.log 2>&1 &");

    for (const char* name : {"hello", "fixed", "linux", "leased", "block-check"}) create(name);

    // the network
    expect_answers("10.9.0.7");
    EXPECT_EQ(number("wget -q -O - http://10.9.0.7/nothing 2> /dev/null | wc -c"), 0);
    EXPECT_NE(run("wget -O - http://10.9.0.7/nothing 2>&1 || true").find("404 Not Found"), std::string::npos);
    EXPECT_NE(run("wget -O - http://10.9.0.7:81/ 2>&1 || true").find("refused"), std::string::npos);
    wait_for_line("linux", "rf: guest linux up");
    wait_for_line("linux", "Hello from a Ringfort guest");
    wait_for_line("leased", "address 10.9.0.100/24");
    expect_answers("10.9.0.100");

    // backends come and go
    run("kill -9 $(cat /run/ringfort/backd/$(rf domid fixed).pid)");
    expect_answers("10.9.0.7");
    expect_answers("10.9.0.100");

    // the two that end by themselves
    wait_for_end("hello");
    check_greeting(console("hello"));
    wait_for_end("block-check");
    const auto check = console("block-check");
    EXPECT_NE(check.find("of 8192 sectors, writable"), std::string::npos) << check;
    EXPECT_NE(check.find("16 places, 0 wrong"), std::string::npos) << check;
    EXPECT_EQ(run("md5sum /images/checked.img"), disk_before) << "the guest did not put back what it found";

    // orders; a definition may be used again
    create("hello");
    run("rf shutdown --wait hello", creation_limit);
    EXPECT_EQ(console("hello").rfind("Goodbye"), console("hello").find("Goodbye")) << "the second one was ended before its time";
    const auto old_id = run("rf domid fixed");
    run("rf reboot fixed", creation_limit);
    wait_until("[ $(rf domid fixed || echo " + old_id + ") != " + old_id + " ]");
    expect_answers("10.9.0.7");
    for (const char* name : {"fixed", "leased", "linux"}) run("rf shutdown --wait " + std::string{name}, creation_limit);
    EXPECT_NE(console("fixed").find("network-responder: end"), std::string::npos);
    EXPECT_EQ(console("leased").find("did not take leave"), std::string::npos) << console("leased");

    wait_until("! pidof rf-backd");
    run("kill $(pidof udhcpd)");
    expect_nothing_left(before, 16);
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
