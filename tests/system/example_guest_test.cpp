// SPDX-License-Identifier: MIT
// Story: someone wrote guests of his own, each in one file, on our small runtime.
//
// Debian's xl starts them in 8 MiB each: `hello` greets on its console, finds its second as long as everybody's and powers
// off by itself; `block-check` writes all over its disk through the block backend, reads it back and leaves the disk as it
// found it. Afterwards the hypervisor has all its memory back. With RF_HYPERVISOR=xen the guests themselves are checked.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "harness/story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto creation_limit = 180s;

/// The configuration by which xl starts the guest `name` with 8 MiB.
std::string configuration(const std::string& name, const std::string& more) {
    return "name = \"" + name + "\"\ntype = \"pv\"\nkernel = \"/guests/" + name + "\"\nextra = \"who=" + name +
           "\"\nmemory = 8\nvcpus = 1\ntsc_mode = \"native\"\non_crash = \"destroy\"\n" + more;
}

/// The overlay with the guests, their configurations and a disk, made anew.
Result<std::filesystem::path> guest_overlay() {
    const auto overlay = build_directory() / "run/example_guest.overlay";
    std::error_code ignored;
    std::filesystem::remove_all(overlay, ignored);
    std::filesystem::create_directories(overlay / "guests");
    for (const auto* name : {"hello", "block-check"}) {
        std::error_code failed;
        std::filesystem::copy_file(build_directory() / "guests" / name, overlay / "guests" / name, failed);
        if (failed) return std::unexpected(Failure{std::string{"build/guests/"} + name + ": " + failed.message() + " (make guests)"});
    }
    std::ofstream{overlay / "guests/hello.cfg"} << configuration("hello", "");
    std::ofstream{overlay / "guests/block-check.cfg"} << configuration(
        "block-check", "disk = [ \"format=raw, vdev=xvda, access=rw, script=block-quick, target=/guests/disk.img\" ]\n");
    if (auto made = run_program({source_directory() / "tests/images/make-disk", overlay / "guests/disk.img", "4M"}); !made)
        return std::unexpected(made.error());
    return overlay;
}

class ExampleGuest : public Story {
protected:
    void boot_with_debians_tools() {
        const auto overlay = guest_overlay();
        ASSERT_TRUE(overlay) << overlay.error().message;
        MachineOptions options;
        options.name = "example_guest";
        options.hypervisor = hypervisor_from_environment();
        if (options.hypervisor == Hypervisor::xen) options.loader = Loader::qemu_multiboot1;
        options.overlays = {build_directory() / "images/oracle.cpio", *overlay};
        options.wall_clock_limit = 600s;
        ASSERT_NO_FATAL_FAILURE(boot(options));
        run("oracle-start");
    }

    /// Starts a guest, waits until its console shows `last_line` and the domain is gone, and returns the console's text.
    std::string run_guest(const std::string& name, const std::string& last_line) {
        run("xl create /guests/" + name + ".cfg", creation_limit);
        run("guest-wait " + name + " '" + last_line + "' 90", creation_limit);
        run("for i in $(seq 60); do [ $(xl list | wc -l) = 2 ] && break; sleep 1; done\nxl list; [ $(xl list | wc -l) = 2 ]", creation_limit);
        return run("cat /var/log/xen/console/guest-" + name + ".log");
    }

    /// What `xl info` calls free memory, in MiB.
    long free_memory() { return std::atol(run("xl info free_memory").c_str()); }
};

TEST_F(ExampleGuest, RunsInEightMebibytesAndLeavesNothingBehind) {
    ASSERT_NO_FATAL_FAILURE(boot_with_debians_tools());
    const auto free_before = free_memory();
    EXPECT_GT(free_before, 8);

    const auto greeting = run_guest("hello", "Goodbye");
    EXPECT_NE(greeting.find("Hello from a guest of 8 MiB"), std::string::npos) << greeting;
    EXPECT_NE(greeting.find("\"who=hello\""), std::string::npos) << greeting;
    for (long tick = 1; tick <= 3; ++tick) {
        std::smatch found;
        ASSERT_TRUE(std::regex_search(greeting, found, std::regex{"tick " + std::to_string(tick) + " after ([0-9]+) ms"})) << greeting;
        const auto milliseconds = std::stol(found[1]);
        EXPECT_GE(milliseconds, tick * 1000);
        // a loaded host delays a sleeper, but not by seconds
        EXPECT_LT(milliseconds, tick * 1000 + 3000);
    }

    const auto disk_before = run("md5sum /guests/disk.img");
    const auto check = run_guest("block-check", "places,");
    EXPECT_NE(check.find("of 8192 sectors, writable"), std::string::npos) << check;
    EXPECT_NE(check.find("16 places, 0 wrong"), std::string::npos) << check;
    EXPECT_EQ(run("md5sum /guests/disk.img"), disk_before) << "the guest did not put back what it found";

    EXPECT_EQ(free_memory(), free_before);
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
