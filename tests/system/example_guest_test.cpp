// SPDX-License-Identifier: MIT
// Story: someone wrote guests of his own, each on our small runtime, and runs them beside Linux.
//
// `rf create` starts them from definitions that give each 8 MiB. `hello` greets, finds its second as long as everybody's and
// powers off; `block-check` writes all over its disk, reads it back and leaves the disk as it found it. `network-responder`
// answers ping and serves its page to Dom0 and to a Linux guest: once on the backend process with a fixed address, once on the
// kernel's backend with a leased one. Its card survives a killed backend process; it sleeps when nobody asks. It obeys `rf reboot` and `rf shutdown`. In the end all memory is back.
#include <gtest/gtest.h>

#include <fstream>

#include "harness/story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto creation_limit = 180s;

constexpr const char* disk = "<disk type='file' device='disk'><driver name='rf' type='raw'/><source file='/guests/disk.img'/><target dev='xvda' bus='xen'/></disk>";

std::string card(const std::string& address_end, const std::string& driver) {
    return "<interface type='bridge'><source bridge='br0'/><mac address='00:16:3e:00:00:" + address_end + "'/><driver name='" + driver + "'/></interface>";
}

struct Guest {
    std::string name;
    std::string kernel;
    std::string command_line;
    std::string devices;
    unsigned mebibytes = 8;
    std::string initrd = {};
};

std::string definition(const Guest& guest) {
    return "<domain type='xen'>\n  <name>" + guest.name + "</name>\n  <memory unit='MiB'>" + std::to_string(guest.mebibytes) +
           "</memory>\n  <vcpu>1</vcpu>\n  <os><type arch='x86_64' machine='xenpv'>linux</type><kernel>" + guest.kernel + "</kernel>" +
           (guest.initrd.empty() ? "" : "<initrd>" + guest.initrd + "</initrd>") + "<cmdline>" + guest.command_line +
           "</cmdline></os>\n  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>\n  <devices>" + guest.devices +
           "</devices>\n</domain>\n";
}

const Guest guests[] = {
    {"hello", "/guests/hello", "who=hello", ""},
    {"block-check", "/guests/block-check", "", disk},
    {"fixed", "/guests/network-responder", "ip=10.9.0.7/24", card("07", "rf")},
    {"leased", "/guests/network-responder", "ip=dhcp", card("08", "netback")},
    {"linux", "/images/vmlinuz", "console=hvc0 rf.name=linux rf.net=10.9.0.2/24 rf.run=wget,-q,-O,-,http://10.9.0.7/", card("02", "rf"), 128,
     "/images/guest.cpio.gz"},
};

/// Dom0 with our tools, the guests, their definitions and a disk, made anew.
Result<std::filesystem::path> guest_overlay() {
    const auto overlay = build_directory() / "run/example_guest.overlay";
    if (auto laid = run_program({source_directory() / "tests/demo/lay", build_directory(), overlay}); !laid) return std::unexpected(laid.error());
    std::filesystem::create_directories(overlay / "guests");
    for (const auto* name : {"hello", "block-check", "network-responder"}) {
        std::error_code failed;
        std::filesystem::copy_file(build_directory() / "guests" / name, overlay / "guests" / name, std::filesystem::copy_options::overwrite_existing, failed);
        if (failed) return std::unexpected(Failure{std::string{"build/guests/"} + name + ": " + failed.message() + " (make guests)"});
    }
    for (const Guest& guest : guests) std::ofstream{overlay / "guests" / (guest.name + ".xml")} << definition(guest);
    std::ofstream{overlay / "guests/udhcpd.conf"} << "start 10.9.0.100\nend 10.9.0.100\nmax_leases 1\ninterface br0\noption subnet 255.255.255.0\n"
                                                     "option lease 3600\nlease_file /tmp/leases\n";
    if (auto made = run_program({source_directory() / "tests/images/make-disk", overlay / "guests/disk.img", "4M"}); !made)
        return std::unexpected(made.error());
    return overlay;
}

class ExampleGuest : public Story {
protected:
    void boot_with_our_tools() {
        const auto overlay = guest_overlay();
        ASSERT_TRUE(overlay) << overlay.error().message;
        MachineOptions options;
        options.name = "example_guest";
        options.hypervisor = hypervisor_from_environment();
        if (options.hypervisor == Hypervisor::xen) options.loader = Loader::qemu_multiboot1;
        options.overlays = {build_directory() / "images/guest-files.cpio", *overlay};
        options.wall_clock_limit = 600s;
        ASSERT_NO_FATAL_FAILURE(boot(options));
        // the kernel's chat about interfaces would break the lines of our commands' answers; warnings still come
        run("dmesg -n 5; ringfort-start");
    }

    void create(const std::string& name) { run("rf create /guests/" + name + ".xml", creation_limit); }
    /// Asks every half second until `condition` holds, 60 times.
    void wait_until(const std::string& condition) {
        run("for i in $(seq 60); do " + condition + " && break; usleep 500000; done; " + condition, creation_limit);
    }
    void wait_for_line(const std::string& name, const std::string& line) { wait_until("grep -q '" + line + "' /var/log/ringfort/console/" + name + ".log"); }
    void wait_for_end(const std::string& name) { wait_until("! rf domid " + name + " > /dev/null 2>&1"); }
    std::string console(const std::string& name) { return run("cat /var/log/ringfort/console/" + name + ".log"); }
    void expect_answers(const std::string& address) {
        wait_until("ping -c 1 -W 2 " + address + " > /dev/null");
        EXPECT_NE(run("wget -q -O - http://" + address + "/").find("Hello from a Ringfort guest"), std::string::npos);
    }
    long number(const std::string& command) { return std::atol(run(command).c_str()); }
    long free_memory() { return number("rf info | sed -n 's/^free_memory *: *//p'"); }

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
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools());
    const auto free_before = free_memory();
    EXPECT_GT(free_before, 8);
    const auto disk_before = run("md5sum /guests/disk.img");
    run("touch /tmp/leases; udhcpd -f /guests/udhcpd.conf > /tmp/udhcpd.log 2>&1 &");

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
    EXPECT_EQ(run("md5sum /guests/disk.img"), disk_before) << "the guest did not put back what it found";

    // orders; a definition may be used again
    run("rf create /guests/hello.xml && rf shutdown --wait hello", creation_limit);
    EXPECT_EQ(console("hello").rfind("Goodbye"), console("hello").find("Goodbye")) << "the second one was ended before its time";
    const auto old_id = run("rf domid fixed");
    run("rf reboot fixed", creation_limit);
    wait_until("[ $(rf domid fixed 2> /dev/null || echo " + old_id + ") != " + old_id + " ]");
    expect_answers("10.9.0.7");
    for (const char* name : {"fixed", "leased", "linux"}) run("rf shutdown --wait " + std::string{name}, creation_limit);
    EXPECT_NE(console("fixed").find("network-responder: end"), std::string::npos);
    EXPECT_EQ(console("leased").find("did not take leave"), std::string::npos) << console("leased");

    wait_until("! ls /sys/class/net | grep -q vif");
    wait_until("! pidof rf-backd > /dev/null");
    EXPECT_EQ(free_memory(), free_before);
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
