// SPDX-License-Identifier: MIT
// Story: an operator puts Ringfort on a real Debian.
//
// A Debian 12 with systemd lies on a disk; `make install DESTDIR=` was run into it, its own grub-mkconfig has written the boot
// menu, and `systemctl enable rfd` was all that was said. GRUB starts Ringfort from the disk, Debian's initramfs finds the root.
// The daemons run, nothing has failed, and the guest of /etc/ringfort/autostart serves its page. Each daemon is killed; systemd
// starts it again, and the guest has not noticed and is still managed: it is shut down, and created again by hand. At last the
// machine is powered off, and has the guest end in order first: what it wrote is on its disk, and Dom0's file system is clean.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto guest_limit = 240s;
constexpr auto partition = "?offset=1048576";

class Debian : public Story {
protected:
    /// A copy of the disk that the story may write to, and look into afterwards.
    static Result<std::filesystem::path> own_disk() {
        const auto image = build_directory() / "images/debian.img";
        const auto files = build_directory() / "run/debian.files";
        std::error_code error;
        std::filesystem::create_directories(files, error);
        if (!std::filesystem::exists(image, error)) return std::unexpected(Failure{image.string() + " does not exist; run 'make debian-disk'"});
        if (auto copied = run_program({"cp", "--sparse=always", "--reflink=auto", image, files / "disk.img"}); !copied)
            return std::unexpected(copied.error());
        return files / "disk.img";
    }

    void boot_from_disk(const std::filesystem::path& disk) {
        MachineOptions options;
        options.name = "debian";
        options.loader = Loader::disk;
        options.cpus = 1;  // an emulated systemd starts sooner so: it forks much, and each fork flushes the other CPUs' TLBs
        options.disks = {{.image = disk, .bus = DiskBus::virtio, .mode = DiskMode::read_write}};
        options.wall_clock_limit = 900s;
        ASSERT_NO_FATAL_FAILURE(boot(options));
        EXPECT_NE(machine().log().find("(RF) "), std::string::npos) << "GRUB started something else";
        EXPECT_EQ(run("systemctl is-system-running --wait || systemctl --failed --no-pager", guest_limit), "running");
        RecordProperty("seconds_to_running", std::to_string(machine().age()));
    }

    /// Waits until the guest's web server gives the page that lies on its disk.
    void expect_page() {
        const auto page = run("for i in $(seq 90); do bash -c 'exec 3<>/dev/tcp/10.9.0.2/80; printf \"GET /index.html HTTP/1.0\\r\\n\\r\\n\" >&3;"
                              " cat <&3' 2> /dev/null | grep Hello && break; sleep 1; done",
                              guest_limit);
        EXPECT_EQ(page, "Hello from a guest of a real Debian.");
    }

    /// Kills a daemon as nobody should, and waits until systemd has started another.
    void kill_daemon(const std::string& unit) {
        SCOPED_TRACE(unit);
        run("old=$(systemctl show -p MainPID --value " + unit + "); kill -9 $old\n"
            "for i in $(seq 60); do new=$(systemctl show -p MainPID --value " + unit + ")\n"
            "[ $new != 0 ] && [ $new != $old ] && systemctl -q is-active " + unit + " && break; sleep 0.5; done\n"
            "[ $new != $old ] && systemctl is-active " + unit);
    }

    /// A file of the disk's file system, as text, read from outside with the machine off.
    static std::string file_on(const std::filesystem::path& image, const std::string& file) {
        const auto text = run_program({"debugfs", "-R", "cat " + file, image.string()});
        return text ? *text : text.error().message;
    }
};

TEST_F(Debian, StartsGuestsItselfAndEndsThemWithTheMachine) {
    const auto disk = own_disk();
    ASSERT_TRUE(disk) << disk.error().message;
    ASSERT_NO_FATAL_FAILURE(boot_from_disk(*disk));

    EXPECT_EQ(run("systemctl is-active ringfort-stored ringfort-consoled rfd ringfort-guests | sort -u"), "active");
    EXPECT_EQ(run("cat /sys/hypervisor/type; cat /proc/xen/capabilities"), "xen\ncontrol_d");
    expect_page();
    EXPECT_NE(run("rf list").find("web"), std::string::npos);

    // what the real grub-probe of the running machine leads to is what the machine was started with
    EXPECT_EQ(run("grub-mkconfig 2> /dev/null | sed -n '/09_ringfort/,/10_linux/p' > /tmp/menu\n"
                  "sed -n '/09_ringfort/,/10_linux/p' /boot/grub/grub.cfg | diff /tmp/menu - && grep -c multiboot2 /tmp/menu", 120s),
              "1");

    const auto domain = run("rf domid web");
    for (const auto* unit : {"ringfort-stored", "ringfort-consoled", "rfd"}) kill_daemon(unit);
    EXPECT_EQ(run("rf domid web"), domain);
    expect_page();
    run("for i in $(seq 20); do echo 'echo kept > /mnt/note; sync; cat /mnt/note' | timeout 2 rf console web | grep -q ^kept && break; done");

    run("rf shutdown --wait web", guest_limit);
    run("for i in $(seq 60); do [ $(rf list | wc -l) = 2 ] && break; sleep 0.5; done; [ $(rf list | wc -l) = 2 ]");
    run("rf create /etc/ringfort/autostart/web.xml", guest_limit);
    expect_page();

    STEP(machine().power_off(240s));
    expect_healthy_log();
    const auto root = disk->string() + partition;
    EXPECT_NE(file_on(root, "/var/log/ringfort/console/web.log").find("reboot: "), std::string::npos) << "the guest was not shut down";
    const auto guest_disk = disk->parent_path() / "web.img";
    const auto dumped = run_program({"debugfs", "-R", "dump /var/lib/ringfort/images/web.img " + guest_disk.string(), root});
    ASSERT_TRUE(dumped) << dumped.error().message;
    EXPECT_NE(file_on(guest_disk, "/note").find("kept"), std::string::npos);
    const auto checked = run_program({"e2fsck", "-fn", root});
    EXPECT_TRUE(checked) << checked.error().message;
}

}  // namespace
