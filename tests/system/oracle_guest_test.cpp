// SPDX-License-Identifier: MIT
// Story: an operator keeps Debian's own tools and runs a guest with them.
//
// Debian's xl, xenstored and xenconsoled of Xen 4.17 know nothing of our project. Dom0 starts them, xl creates a PV guest
// with a disk and a network card on a bridge; the guest comes up, mounts its disk, is reached by ping and answers on its
// console, to which xl connects a person's terminal. xl info, xl list and xentop -b tell of the machine and of both domains what
// is so. The guest is paused and let go on, shut down from inside, and a second one is destroyed from outside. At the end the
// hypervisor has all its memory back. Told of Debian's Xen (RF_HYPERVISOR=xen) the story checks the test machine itself.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

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

/// The words of one line.
std::vector<std::string> words_of(const std::string& line) {
    std::istringstream in{line};
    return {std::istream_iterator<std::string>{in}, {}};
}

/// "name : value" lines, as xl info prints them.
std::map<std::string, std::string> fields_of(const std::string& text) {
    std::map<std::string, std::string> fields;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        if (colon == line.npos) continue;
        const auto name = words_of(line.substr(0, colon));
        if (!name.empty()) fields[name[0]] = colon + 2 < line.size() ? line.substr(colon + 2) : "";
    }
    return fields;
}

class OracleGuest : public Story {
protected:
    void boot_with_debians_tools() {
        const auto overlay = guest_overlay();
        ASSERT_TRUE(overlay) << overlay.error().message;
        MachineOptions options;
        options.name = hypervisor_from_environment() == Hypervisor::xen ? "oracle_guest-xen" : "oracle_guest";
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
        STEP(machine().must_run("guest-wait alpha 'alpha# ' 60", creation_limit));  // nothing is typed at a shell that still starts
    }

    /// Only Dom0 is left in the list, with a bound on how long giving the memory back may take.
    void wait_until_guest_is_gone() {
        STEP(machine().must_run("for i in $(seq 60); do list=$(xl list); [ $(echo \"$list\" | wc -l) = 2 ] && break; sleep 1; done\n"
                                "echo \"$list\"; [ $(echo \"$list\" | wc -l) = 2 ]",
                                creation_limit));
    }

    /// What xl info says of a machine whose facts the story knows.
    void expect_true_info() {
        auto info = fields_of(run("xl info"));
        EXPECT_EQ(info["host"], "dom0");
        EXPECT_EQ(info["release"], run("uname -r"));
        EXPECT_EQ(info["machine"], "x86_64");
        EXPECT_EQ(info["nr_cpus"], "2");
        EXPECT_EQ(info["nr_nodes"], "1");
        // Xen counts all of RAM, Ringfort what it can give out: not its own image and tables
        EXPECT_GT(std::stod("0" + info["total_memory"]), 1950);
        EXPECT_LE(std::stod("0" + info["total_memory"]), 2048);
        const auto free_memory = std::stod("0" + info["free_memory"]);
        EXPECT_GT(free_memory, 500);
        EXPECT_LT(free_memory, 1024) << "Dom0 has 1024 MiB of 2048";
        EXPECT_GT(std::stod("0" + info["cpu_mhz"]), 100);
        EXPECT_EQ(info["xen_major"], "4");
        EXPECT_EQ(info["xen_minor"], "17");
        EXPECT_TRUE(info["xen_version"].starts_with("4.17")) << info["xen_version"];
        EXPECT_NE(info["xen_caps"].find("xen-3.0-x86_64"), std::string::npos) << info["xen_caps"];
        EXPECT_EQ(info["xen_pagesize"], "4096");
        EXPECT_EQ(info["platform_params"], "virt_start=0xffff800000000000");
        EXPECT_FALSE(info["xen_scheduler"].empty());
        EXPECT_NE(info["xen_commandline"].find("dom0_mem=1024M"), std::string::npos) << info["xen_commandline"];
        EXPECT_NE(info["hw_caps"], "");
        EXPECT_EQ(info["build_id"].size(), 40) << info["build_id"] << ": the linker's SHA-1 in hexadecimal";
        EXPECT_EQ(info["build_id"].find_first_not_of("0123456789abcdef"), std::string::npos) << info["build_id"];
    }

    /// The row of a domain in `xl list`: name, number, MiB, vCPUs, state, seconds.
    std::vector<std::string> row_of(const std::string& domain) {
        auto row = words_of(run("xl list " + domain + " | tail -n 1"));
        row.resize(6);
        return row;
    }

    void expect_true_list() {
        const auto dom0 = row_of("0");
        EXPECT_EQ(dom0[0], "Domain-0");
        EXPECT_EQ(dom0[3], "2");
        EXPECT_NEAR(std::atof(dom0[2].c_str()), 1024, 1);
        EXPECT_EQ(dom0[4], "r-----") << "Dom0 runs this very command";
        EXPECT_GT(std::atof(dom0[5].c_str()), 0);
        const auto guest = row_of("alpha");
        EXPECT_EQ(guest[0], "alpha");
        EXPECT_EQ(guest[1], run("xl domid alpha"));
        EXPECT_EQ(guest[2], "128");
        EXPECT_EQ(guest[3], "1");
        EXPECT_GT(std::atof(guest[5].c_str()), 0);
    }

    /// The row of a domain in xentop: NAME STATE CPU(sec) CPU(%) MEM(k) MEM(%) MAXMEM(k) MAXMEM(%) VCPUS NETS ...
    static std::vector<std::string> top_row(const std::string& table, const std::string& domain) {
        std::istringstream lines{table};
        for (std::string line; std::getline(lines, line);)
            if (auto row = words_of(line); row.size() > 10 && row[0] == domain) return row;
        return std::vector<std::string>(20);
    }

    void expect_true_top() {
        const auto table = run("xentop -b -f -i 1");
        const auto guest = top_row(table, "alpha");
        EXPECT_NEAR(std::atof(guest[4].c_str()), 128 * 1024, 1024) << table;
        EXPECT_EQ(guest[8], "1") << table;
        EXPECT_EQ(guest[9], "1") << "network cards\n" << table;
        EXPECT_GT(std::atof(guest[2].c_str()), 0) << table;
        const auto dom0 = top_row(table, "Domain-0");
        EXPECT_NEAR(std::atof(dom0[4].c_str()), 1024 * 1024, 1024) << table;
        // "no limit" is two words
        EXPECT_NE(std::find(dom0.begin(), dom0.end(), "2"), dom0.end()) << table;
        EXPECT_GT(std::atof(dom0[2].c_str()), 0) << table;
    }

    /// A person at Dom0's terminal: xl console makes it the guest's, Ctrl-] gives it back.
    void talk_on_console() {
        STEP(machine().run_and_forget("xl console alpha < /dev/hvc0"));
        STEP(machine().send_line(""));
        STEP(machine().expect("[#$] ", 30s));
        STEP(machine().send_line("echo on=$(hostname) product=$((6*7))"));
        STEP(machine().expect("on=alpha product=42", 30s));
        STEP(machine().send_keys("\x1d"));  // alone: xenconsole looks at what one read gives
        STEP(machine().expect("@rf:end:[0-9]+:0@", 30s));
        EXPECT_EQ(run("hostname"), "dom0");
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

    expect_true_info();
    expect_true_list();
    expect_true_top();
    ASSERT_NO_FATAL_FAILURE(talk_on_console());

    run("xl pause alpha");
    EXPECT_EQ(row_of("alpha")[4].substr(2, 1), "p") << "not paused in xl list";
    EXPECT_NE(run("ping -c 1 -W 3 10.9.0.2 || echo silent").find("silent"), std::string::npos) << "a paused guest answered";
    run("xl unpause alpha");
    EXPECT_EQ(row_of("alpha")[4].substr(2, 1), "-") << "still paused in xl list";
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
