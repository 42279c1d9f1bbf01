// SPDX-License-Identifier: MIT
// Story: an operator makes a mistake in the boot loader's entry, and is told which.
//
// A kernel that is no kernel, one that was cut off, one that runs on no paravirtual machine, too little memory for Dom0, an
// option that does not exist: each gives one line on the console that says what and why; on the text screen as well. With
// `noreboot` the machine then stands still; without it, it restarts. A Dom0 that dies leaves its registers and a trace.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <vector>

#include "harness/monitor.hpp"
#include "harness/story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

class BootErrors : public Story {
protected:
    static MachineOptions options(const std::string& name) {
        MachineOptions options;
        options.name = "boot_errors." + name;
        options.hypervisor = Hypervisor::ringfort;
        options.cpus = 1;
        options.memory_mib = 512;
        options.wall_clock_limit = 120s;
        return options;
    }
    static std::filesystem::path file(const std::string& name, const std::vector<char>& content) {
        const auto path = build_directory() / "run" / ("boot_errors." + name + ".kernel");
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path, std::ios::binary}.write(content.data(), static_cast<std::streamsize>(content.size()));
        return path;
    }
    static std::vector<char> start_of(const std::filesystem::path& from, std::size_t bytes) {
        std::vector<char> content(bytes);
        std::ifstream{from, std::ios::binary}.read(content.data(), static_cast<std::streamsize>(bytes));
        return content;
    }
    /// Boots and waits for the line, then for what the machine does afterwards.
    static void expect_complaint(const MachineOptions& options, const std::string& pattern) {
        auto machine = Machine::start(options);
        ASSERT_TRUE(machine) << machine.error().message;
        const auto line = (*machine)->expect(pattern, 60s);
        EXPECT_TRUE(line) << line.error().message << "\n" << (*machine)->log_tail();
        const auto ended = (*machine)->wait_exit(20s);
        EXPECT_TRUE(ended) << "the machine neither stopped nor restarted\n" << (*machine)->log_tail();
    }
};

TEST_F(BootErrors, AKernelThatIsNone) {
    auto wanted = options("text");
    wanted.kernel_file = file("text", std::vector<char>(8192, 'x'));
    expect_complaint(wanted, "\\(RF\\) .*Dom0 kernel: .+");
}

TEST_F(BootErrors, AKernelThatWasCutOff) {
    auto wanted = options("cut");
    wanted.kernel_file = file("cut", start_of(build_directory() / "images/vmlinuz", 3 << 20));
    expect_complaint(wanted, "\\(RF\\) .*Dom0 kernel: .+");
}

TEST_F(BootErrors, AProgramWithoutXenNotes) {
    auto wanted = options("elf");
    wanted.kernel_file = build_directory() / "tests/boot";
    expect_complaint(wanted, "\\(RF\\) .*Dom0 kernel: .*(XEN_ELFNOTE|PV|note)");
}

TEST_F(BootErrors, TooLittleMemory) {
    auto wanted = options("memory");
    wanted.dom0_memory_mib = 40;
    expect_complaint(wanted, "\\(RF\\) .*Dom0: kernel, initrd and tables need [0-9]+ MiB, but it gets only 40 of [0-9]+ MiB");
}

TEST_F(BootErrors, TheScreenTellsItTooAndNorebootStandsStill) {
    const auto socket = build_directory() / "run/boot_errors.screen.monitor";
    auto wanted = options("screen");
    wanted.kernel_file = file("screen", std::vector<char>(8192, 'x'));
    wanted.hypervisor_arguments = "console=com1,vga noreboot";
    wanted.extra_qemu_arguments = {"-vga", "std", "-qmp", "unix:" + socket.string() + ",server=on,wait=off"};
    auto machine = Machine::start(wanted);
    ASSERT_TRUE(machine) << machine.error().message;
    const auto line = (*machine)->expect("\\(RF\\) .*stopped because of `noreboot`", 60s);
    ASSERT_TRUE(line) << line.error().message << "\n" << (*machine)->log_tail();
    const auto cells = Monitor(socket).memory(0xb8000, 80 * 25 * 2);
    ASSERT_TRUE(cells) << cells.error().message;
    std::string screen;
    for (std::size_t i = 0; i < cells->size(); i += 2) screen += (*cells)[i];
    EXPECT_NE(screen.find("Dom0 kernel:"), std::string::npos) << screen;
    EXPECT_NE(screen.find("stopped because of `noreboot`"), std::string::npos) << screen;
    EXPECT_FALSE((*machine)->wait_exit(3s)) << "the machine did not stand still";
}

TEST_F(BootErrors, ADom0ThatDiesLeavesATrace) {
    auto wanted = options("crash");
    wanted.memory_mib = 1024;
    ASSERT_NO_FATAL_FAILURE(boot(wanted));
    STEP(machine().run_and_forget("echo 0 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger"));
    const auto ended = machine().wait_exit(30s);
    EXPECT_TRUE(ended) << "the machine neither stopped nor restarted\n" << machine().log_tail();
    const auto log = machine().log();
    for (const auto* pattern : {"\\(RF\\) .*d0 .*crashed", "\\(RF\\) .* rip 0xe03[03]:0xffffffff8[0-9a-f]+ rsp",
                                "\\(RF\\) .* r13 0x[0-9a-f]+ r14", "\\(RF\\) .*0xffffffff8[0-9a-f]+ \\(code\\?\\)"})
        EXPECT_TRUE(std::regex_search(log, std::regex{pattern})) << pattern << "\n" << machine().log_tail(40);
}

TEST_F(BootErrors, AnOptionThatDoesNotExist) {
    auto wanted = options("option");
    wanted.hypervisor_arguments = " flibble=1";
    wanted.kernel_file = file("option", std::vector<char>(8192, 'x'));
    expect_complaint(wanted, "\\(RF\\) .*flibble=1");
}

}  // namespace
