// SPDX-License-Identifier: MIT
// Story: two guests live on their disks and cards, and their backends come and go.
//
// alpha's devices are served by our own process: a file with ext4, a read-only file, a block device, a card with DHCP and a
// second card that is limited in its rate. beta has the same from the kernel's own drivers. Both write, discard, reboot and
// find their data again; they and Dom0 exchange files over TCP in all directions. Then alpha's backend is killed again and
// again while alpha works: alpha's work must end right, beta must not notice. In the end both file systems are clean, and
// nothing of the guests is left in Dom0.
#include <gtest/gtest.h>

#include <fstream>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto long_limit = 240s;

/// What the guests' first disks hold, and the overlay with everything else this story needs in Dom0.
Result<std::filesystem::path> lay_devices() {
    namespace fs = std::filesystem;
    const auto work = build_directory() / "run/split_drivers.files";
    const auto from = source_directory() / "tests/system/split_drivers";
    const auto overlay = work / "overlay";
    std::error_code error;
    fs::remove_all(work, error);
    fs::create_directories(overlay / "images", error);
    fs::create_directories(work / "greeting", error);
    fs::copy(from / "dom0", overlay, fs::copy_options::recursive, error);
    if (!error) fs::copy_file("/sbin/e2fsck", overlay / "usr/sbin/e2fsck", error);
    if (error) return std::unexpected(Failure{"cannot lay " + overlay.string() + ": " + error.message()});
    std::ofstream{work / "greeting/greeting"} << "greetings from the read-only disk\n";
    const auto make_disk = source_directory() / "tests/images/make-disk";
    for (const auto& [name, size, content] :
         {std::tuple{"disk", "32M", from / "disk"}, std::tuple{"greeting", "4M", work / "greeting"}}) {
        const auto image = work / (std::string(name) + ".img");
        if (auto made = run_program({make_disk, image, size, content}); !made) return std::unexpected(made.error());
        if (auto packed = run_program({"gzip", "-1", image}); !packed) return std::unexpected(packed.error());
        fs::rename(image.string() + ".gz", overlay / "images" / (std::string(name) + ".img.gz"), error);
        if (error) return std::unexpected(Failure{"cannot move " + image.string() + ".gz: " + error.message()});
    }
    return overlay;
}

class SplitDrivers : public ToolstackStory {
protected:
    void boot_with_devices() {
        const auto overlay = lay_devices();
        ASSERT_TRUE(overlay) << overlay.error().message;
        MachineOptions options;
        options.name = "split_drivers";
        options.memory_mib = 2560;
        options.overlays = {*overlay};
        options.wall_clock_limit = 1500s;
        ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, {}));
        checksum_ = run("split-drivers-start", long_limit);
        ASSERT_EQ(checksum_.size(), 64u) << checksum_;
    }
    /// Runs a command in a guest, with the functions of split_drivers/disk/act; it must succeed.
    std::string in(const std::string& guest, const std::string& command) {
        return run("guest-do " + guest + " 120 '. /mnt/act; " + command + "'", long_limit);
    }
    void wait_until_up(const std::string& guest, int times) {
        wait_until("[ $(grep -c 'guest " + guest + " up' /var/log/ringfort/console/" + guest + ".log) = " + std::to_string(times) + " ]", 150s);
    }
    void use_disks(const std::string& guest) {
        in(guest, "write_data /mnt/data 4");
        EXPECT_NE(in(guest, "check_read_only /dev/xvdb").find("greetings from the read-only disk"), std::string::npos);
        in(guest, "check_raw /dev/xvdc");
    }
    /// The guest's file as Dom0 fetches it, and Dom0's as the guest does.
    void exchange_with_dom0(const std::string& guest, const std::string& address) {
        in(guest, "httpd -h /mnt; fetch http://10.9.0.1/blob " + checksum_);
        EXPECT_EQ(run("wget -q -O - http://" + address + "/data | sha256sum | cut -d ' ' -f 1", long_limit),
                  run("wget -q -O - http://" + address + "/data.sum | cut -d ' ' -f 1", long_limit));
    }
    /// A guest's file as another guest fetches it.
    void exchange(const std::string& guest, const std::string& address) {
        in(guest, "fetch http://" + address + "/data $(wget -q -O - http://" + address + "/data.sum | cut -d \" \" -f 1)");
    }
    long disk_kilobytes(const std::string& file) { return std::atol(run("du -k /tmp/disks/" + file).c_str()); }

    void expect_confined(const std::string& guest) {
        const auto number = number_of(guest);
        const auto status = run("cat /proc/$(cat /run/ringfort/backd/" + number + ".pid)/status");
        const auto user = std::to_string(0x70000000 + std::atol(number.c_str()));
        for (const std::string& line :
             {"Uid:\t" + user + "\t" + user + "\t" + user + "\t" + user, "Gid:\t" + user + "\t" + user + "\t" + user + "\t" + user,
              std::string("CapPrm:\t0000000000000000"), std::string("CapEff:\t0000000000000000"),
              std::string("CapBnd:\t0000000000000000"), std::string("NoNewPrivs:\t1"), std::string("Seccomp:\t2")})
            EXPECT_NE(status.find(line), std::string::npos) << line << " is not in\n" << status;
        EXPECT_EQ(run("ls -A /proc/$(cat /run/ringfort/backd/" + number + ".pid)/root/"), "");
    }

    void kill_backend_again_and_again();
    void shut_down_cleanly(const std::string& guest);

    std::string checksum_;  ///< of what Dom0's web server gives
};

void SplitDrivers::kill_backend_again_and_again() {
    run("rm -f /tmp/pings; ping 10.9.0.11 > /tmp/pings 2>&1 &");
    in("alpha", "(work http://10.9.0.1/blob " + checksum_ + " < /dev/null > /dev/null 2>&1 &)");
    wait_until("grep -q 'work: round 1 ' /var/log/ringfort/console/alpha.log", 120s);
    for (const auto* moment : {"served 50", "served 400", "parent 150", "served 700"})
        run(std::string("kill-backend alpha ") + moment, long_limit);
    in("alpha", "touch /tmp/stop");
    wait_until("grep -q 'work: ended' /var/log/ringfort/console/alpha.log", 120s);
    const auto end = run("sed -n 's/.*work: ended/ended/p' /var/log/ringfort/console/alpha.log | tr -d '\\r'");
    EXPECT_TRUE(end.ends_with(" bad 0")) << end;
    end_ping("$(pidof ping)");
    EXPECT_EQ(unanswered_pings("/tmp/pings"), "") << run("tail -n 3 /tmp/pings");
}

void SplitDrivers::shut_down_cleanly(const std::string& guest) {
    in(guest, "check_data /mnt/data && killall httpd && sleep 1 && umount /mnt");
    run("rf shutdown " + guest, long_limit);
    wait_until("! rf domid " + guest, 90s);
    const auto checked = machine().run("e2fsck -fn /tmp/disks/" + guest + ".img", long_limit);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_EQ(checked->status, 0) << checked->output;
}

TEST_F(SplitDrivers, ServeKeepAndComeBack) {
    ASSERT_NO_FATAL_FAILURE(boot_with_devices());
    const auto before = leftovers();

    run("rf create /etc/ringfort/alpha.xml", long_limit);
    run("rf create /etc/ringfort/beta.xml", long_limit);
    wait_until_up("alpha", 1);
    wait_until_up("beta", 1);
    expect_confined("alpha");
    EXPECT_NE(in("alpha", "ip addr show eth0").find("10.9.0.10/24"), std::string::npos) << "the address that DHCP gives";
    EXPECT_EQ(in("alpha", "ls /sys/block/xvda/mq | wc -l; ls -d /sys/class/net/eth0/queues/tx-* | wc -l"), "2\n2") << "queues";
    EXPECT_EQ(run("xenstore-read /local/domain/" + number_of("alpha") + "/device/vbd/51712/ring-page-order"), "1");

    use_disks("alpha");
    use_disks("beta");
    in("alpha", "write_data /mnt/waste 8");
    const long full = disk_kilobytes("alpha.img");
    in("alpha", "rm /mnt/waste; sync; fstrim /mnt");
    EXPECT_LT(disk_kilobytes("alpha.img"), full - 7000) << "discarded blocks are given back";

    run("guest-do alpha 5 reboot || true");
    wait_until_up("alpha", 2);
    in("alpha", "check_data /mnt/data");
    exchange_with_dom0("alpha", "10.9.0.10");
    exchange_with_dom0("beta", "10.9.0.11");
    exchange("alpha", "10.9.0.11");
    exchange("beta", "10.9.0.10");

    in("alpha", "ip addr add 10.9.1.2/24 dev eth1; ip link set eth1 up");
    run("ip addr add 10.9.1.1/24 dev br0");
    // 4 MiB at 1 MiB a second, but for the 128 KiB that may come at once.
    const auto milliseconds = std::atol(run("from=$(cut -d ' ' -f 1 /proc/uptime | tr -d .); wget -q -O /dev/null http://10.9.1.2/data; "
                                            "to=$(cut -d ' ' -f 1 /proc/uptime | tr -d .); echo $(((to - from) * 10))", long_limit).c_str());
    EXPECT_GT(milliseconds, 3500) << "the rate limit of the second card";

    ASSERT_NO_FATAL_FAILURE(kill_backend_again_and_again());
    expect_confined("alpha");
    ASSERT_NO_FATAL_FAILURE(shut_down_cleanly("alpha"));
    ASSERT_NO_FATAL_FAILURE(shut_down_cleanly("beta"));
    // The hypervisor's tables of what Dom0 maps and listens to have grown, once, and stay.
    expect_nothing_left(before, 64);
    EXPECT_EQ(run("find /run/ringfort/backd -type f"), "");

    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
