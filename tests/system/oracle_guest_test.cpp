// SPDX-License-Identifier: MIT
// Story: an operator keeps Debian's own tools and runs a guest with them.
//
// Debian's xl, xenstored and xenconsoled of Xen 4.17 know nothing of our project. Dom0 starts them, xl creates a PV guest
// with a disk and a network card on a bridge; the guest comes up, mounts its disk, is reached by ping and answers on its
// console. It is paused and let go on, shut down from inside, and a second one is destroyed from outside. At the end the
// hypervisor has all its memory back. Told of Debian's Xen (RF_HYPERVISOR=xen) the story checks the test machine itself.
#include <gtest/gtest.h>

#include <fstream>

#include "harness/story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto creation_limit = 180s;

/// The overlay with the guest's disk and configuration, made anew.
Result<std::filesystem::path> guest_overlay() {
    const auto work = build_directory() / "run/oracle_guest.files";
    std::error_code ignored;
    std::filesystem::remove_all(work, ignored);
    std::filesystem::create_directories(work / "overlay/guest");
    std::filesystem::create_directories(work / "disk");
    std::ofstream{work / "disk/greeting"} << "greetings from the disk\n";
    const auto made = run_program({source_directory() / "tests/images/make-disk", work / "overlay/guest/disk.img", "16M", work / "disk"});
    if (!made) return std::unexpected(made.error());
    std::ofstream{work / "overlay/guest/guest.cfg"} << R"(name = "alpha"
type = "pv"
kernel = "/images/vmlinuz"
ramdisk = "/images/guest.cpio.gz"
extra = "console=hvc0 rf.name=alpha rf.net=10.9.0.2/24 rf.disk=xvda"
memory = 128
vcpus = 1
tsc_mode = "native"
disk = [ "format=raw, vdev=xvda, access=rw, script=block-quick, target=/guest/disk.img" ]
vif = [ "bridge=xenbr0, script=vif-quick, mac=00:16:3e:00:00:01" ]
)";
    return work / "overlay";
}

class OracleGuest : public Story {
protected:
    void boot_with_debians_tools() {
        const auto overlay = guest_overlay();
        ASSERT_TRUE(overlay) << overlay.error().message;
        MachineOptions options;
        options.name = "oracle_guest";
        options.hypervisor = hypervisor_from_environment();
        if (options.hypervisor == Hypervisor::xen) options.loader = Loader::qemu_multiboot1;
        options.overlays = {build_directory() / "images/oracle.cpio", build_directory() / "images/guest-files.cpio", *overlay};
        options.wall_clock_limit = 900s;
        ASSERT_NO_FATAL_FAILURE(boot(options));
        run("oracle-start");
        run("brctl addbr xenbr0 && ip addr add 10.9.0.1/24 dev xenbr0 && ip link set xenbr0 up");
    }

    void create_guest() {
        run("rm -f /var/log/xen/console/guest-alpha.log");
        STEP(machine().must_run("xl create /guest/guest.cfg", creation_limit));
        STEP(machine().must_run("guest-wait alpha 'rf: guest alpha up' 160", creation_limit));
    }

    /// Only Dom0 is left in the list, with a bound on how long giving the memory back may take.
    void wait_until_guest_is_gone() {
        STEP(machine().must_run("for i in $(seq 60); do list=$(xl list); [ $(echo \"$list\" | wc -l) = 2 ] && break; sleep 1; done\n"
                                "echo \"$list\"; [ $(echo \"$list\" | wc -l) = 2 ]",
                                creation_limit));
    }

    /// What `xl info` calls free memory, in MiB.
    long free_memory() { return std::atol(run("xl info free_memory").c_str()); }
};

TEST_F(OracleGuest, RunsUnderDebiansXlAndLeavesNothingBehind) {
    ASSERT_NO_FATAL_FAILURE(boot_with_debians_tools());
    const auto free_before = free_memory();
    EXPECT_GT(free_before, 128);

    ASSERT_NO_FATAL_FAILURE(create_guest());
    EXPECT_EQ(run("grep -c 'xvda mounted' /var/log/xen/console/guest-alpha.log"), "1");
    // the bridge forwards a little after the guest found its card
    run("for i in $(seq 20); do ping -c 1 -W 2 10.9.0.2 > /dev/null && break; done");
    EXPECT_NE(run("ping -c 3 -W 10 10.9.0.2").find("3 packets received"), std::string::npos);
    run("guest-send alpha 'cat /mnt/greeting; echo sum=$((40+2)) cpus=$(nproc)'");
    run("guest-wait alpha 'greetings from the disk' 20");
    run("guest-wait alpha 'sum=42 cpus=1' 20");

    run("xl pause alpha");
    EXPECT_NE(run("ping -c 1 -W 3 10.9.0.2 || echo silent").find("silent"), std::string::npos) << "a paused guest answered";
    run("xl unpause alpha");
    EXPECT_NE(run("ping -c 1 -W 10 10.9.0.2").find("1 packets received"), std::string::npos);

    run("guest-send alpha 'echo kept > /mnt/note; poweroff'");
    ASSERT_NO_FATAL_FAILURE(wait_until_guest_is_gone());
    EXPECT_EQ(free_memory(), free_before) << "after the guest's own power-off";

    ASSERT_NO_FATAL_FAILURE(create_guest());
    run("guest-send alpha 'cat /mnt/note'");
    run("guest-wait alpha '^kept' 20");
    run("xl destroy alpha");
    ASSERT_NO_FATAL_FAILURE(wait_until_guest_is_gone());
    EXPECT_EQ(free_memory(), free_before) << "after xl destroy";

    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
