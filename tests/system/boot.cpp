// SPDX-License-Identifier: MIT
// boot: brings up Dom0 in a test machine, runs commands in it, prints what they print and powers off.
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "harness/live_output.hpp"
#include "harness/machine.hpp"

namespace {

using namespace rf::system;

constexpr auto usage = R"(usage: boot [option]...
  --hypervisor xen|none|FILE  Debian's Xen, a native kernel, or a hypervisor file   (default: build/ringfort)
  --cmd COMMAND        run COMMAND in Dom0 (may be repeated; stops at the first that fails)
  --overlay DIR|CPIO   lay DIR, with the libraries its programs need, over Dom0's root (may be repeated)
  --oracle             add Debian's xl, xenstored, xenconsoled (run `oracle-start` in Dom0) and /images/{vmlinuz,guest.cpio.gz}
  --xen-args TEXT      more hypervisor arguments          --kernel-args TEXT   more kernel arguments
  --smp N              CPUs (2)                           --memory MIB         machine memory (2048)
  --dom0-memory MIB    Dom0's share (1024)                --cpu MODEL          max,-smap,-la57
  --machine TYPE       q35 or pc                          --uefi               OVMF instead of BIOS
  --disk FILE          a raw disk by virtio-blk           --ahci-disk FILE     the same by AHCI
  --boot-disk FILE     start from this disk's boot sector (build/images/debian.img; `make debian-disk`); it stays as it is
  --nic virtio|e1000   a card on QEMU's user network      --qemu10             QEMU 10 from backports
  --qemu-arg WORD      one more word for QEMU             --grub | --direct    GRUB ISO, or QEMU's own loader (the default
                                                          for Debian's Xen: 11 s instead of 30; Ringfort needs GRUB)
  --timeout SECONDS    for each command (60)              --limit SECONDS      for the whole run (600)
  --name NAME          of log and scratch files           --log FILE           copy of the serial log
  --keep-going         run all commands even if one fails --no-poweroff        kill the machine at the end
  --boot-timeout S     until Dom0's user space is up (180)
  --show-boot          show the boot messages              --interactive        after the commands connect this terminal with
                                                          Dom0's shell; poweroff or Ctrl-\ ends it. No limit of time then
)";

struct Request {
    MachineOptions machine;
    std::vector<std::string> commands;
    std::chrono::seconds timeout{60};
    std::chrono::seconds boot_timeout{180};
    std::filesystem::path log_copy;
    std::optional<Loader> loader;
    bool keep_going = false;
    bool power_off = true;
    bool show_boot = false;
    bool interactive = false;
};

constexpr char escape_key = '\x1c';  // Ctrl and backslash

void choose_hypervisor(MachineOptions& machine, const std::string& name) {
    if (name == "xen") {
        machine.hypervisor = Hypervisor::xen;
    } else if (name == "none") {
        machine.hypervisor = Hypervisor::none;
    } else {
        machine.hypervisor_file = name;
    }
}

bool apply_flag(Request& request, std::string_view option) {
    auto& machine = request.machine;
    if (option == "--oracle") {
        machine.overlays.push_back(build_directory() / "images/oracle.cpio");
        machine.overlays.push_back(build_directory() / "images/guest-files.cpio");
    } else if (option == "--uefi") {
        machine.firmware = Firmware::ovmf;
    } else if (option == "--qemu10") {
        machine.qemu = QemuVersion::backports_10;
    } else if (option == "--direct") {
        request.loader = Loader::qemu_multiboot1;
    } else if (option == "--grub") {
        request.loader = Loader::grub;
    } else if (option == "--keep-going") {
        request.keep_going = true;
    } else if (option == "--no-poweroff") {
        request.power_off = false;
    } else if (option == "--show-boot") {
        request.show_boot = true;
    } else if (option == "--interactive") {
        request.interactive = true;
    } else {
        return false;
    }
    return true;
}

unsigned number(const std::string& text) { return static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 10)); }

bool apply_value(Request& request, std::string_view option, const std::string& value) {
    auto& machine = request.machine;
    if (option == "--hypervisor") choose_hypervisor(machine, value);
    else if (option == "--cmd") request.commands.push_back(value);
    else if (option == "--overlay") machine.overlays.emplace_back(value);
    else if (option == "--xen-args") machine.hypervisor_arguments = value;
    else if (option == "--kernel-args") machine.kernel_arguments = value;
    else if (option == "--smp") machine.cpus = number(value);
    else if (option == "--memory") machine.memory_mib = number(value);
    else if (option == "--dom0-memory") machine.dom0_memory_mib = number(value);
    else if (option == "--cpu") machine.cpu_model = value;
    else if (option == "--machine") machine.machine_type = value;
    else if (option == "--disk") machine.disks.push_back({.image = value, .bus = DiskBus::virtio});
    else if (option == "--ahci-disk") machine.disks.push_back({.image = value, .bus = DiskBus::ahci});
    else if (option == "--boot-disk") {
        machine.disks.insert(machine.disks.begin(), {.image = value, .bus = DiskBus::virtio, .mode = DiskMode::snapshot});
        request.loader = Loader::disk;
    }
    else if (option == "--nic") machine.nics.push_back({.model = value == "e1000" ? NicModel::e1000 : NicModel::virtio});
    else if (option == "--qemu-arg") machine.extra_qemu_arguments.push_back(value);
    else if (option == "--timeout") request.timeout = std::chrono::seconds{number(value)};
    else if (option == "--boot-timeout") request.boot_timeout = std::chrono::seconds{number(value)};
    else if (option == "--limit") machine.wall_clock_limit = std::chrono::seconds{number(value)};
    else if (option == "--name") machine.name = value;
    else if (option == "--log") request.log_copy = value;
    else return false;
    return true;
}

std::optional<Request> parse(int argc, char** argv) {
    Request request;
    request.machine.name = "boot-" + std::to_string(getpid());
    request.machine.wall_clock_limit = std::chrono::seconds{600};
    for (int i = 1; i < argc; ++i) {
        const std::string_view option{argv[i]};
        if (apply_flag(request, option)) continue;
        if (i + 1 < argc && apply_value(request, option, argv[i + 1])) {
            ++i;
            continue;
        }
        std::fprintf(stderr, "boot: unknown or incomplete option %s\n%s", argv[i], usage);
        return std::nullopt;
    }
    const bool quick = request.machine.hypervisor != Hypervisor::ringfort && request.machine.firmware == Firmware::bios;
    request.machine.loader = request.loader.value_or(quick ? Loader::qemu_multiboot1 : Loader::grub);
    return request;
}

/// Runs the commands in order; false when one failed.
bool run_commands(Machine& machine, const Request& request) {
    bool good = true;
    for (const auto& command : request.commands) {
        std::printf("dom0# %s\n", command.c_str());
        std::fflush(stdout);
        const auto result = machine.run(command, request.timeout);
        if (!result) {
            std::fprintf(stderr, "boot: %s\n%s\n", result.error().message.c_str(), machine.log_tail().c_str());
            return false;
        }
        if (result->status != 0) std::printf("[status %d]\n", result->status);
        std::fflush(stdout);
        good = good && result->status == 0;
        if (!good && !request.keep_going) return false;
    }
    return good;
}

void report(const Failure& failure, const Machine& machine) {
    std::fprintf(stderr, "boot: %s\n%s\n", failure.message.c_str(), machine.log_tail().c_str());
}

bool power_off(Machine& machine) {
    const auto off = machine.power_off();
    if (!off) report(off.error(), machine);
    return off.has_value();
}

/// Lets a person have the machine; false when it did not end well.
bool hand_over(Machine& machine) {
    const auto ended = machine.hand_over(STDIN_FILENO, STDOUT_FILENO, escape_key);
    if (!ended) {
        report(ended.error(), machine);
        return false;
    }
    if (!*ended) {
        std::printf("\r\nboot: the machine was switched off\n");
        return true;
    }
    const auto status = machine.wait_exit(std::chrono::seconds{10});
    if (!status) report(status.error(), machine);
    return status && *status == 0;
}

void copy_log(const Machine& machine, const std::filesystem::path& copy) {
    std::error_code error;
    std::filesystem::copy_file(machine.log_file(), copy, std::filesystem::copy_options::overwrite_existing, error);
    if (error) std::fprintf(stderr, "boot: cannot write %s: %s\n", copy.c_str(), error.message().c_str());
}

int drive(const Request& request) {
    LiveOutput live;
    auto started = Machine::start(request.machine);
    if (!started) {
        std::fprintf(stderr, "boot: %s\n", started.error().message.c_str());
        return 1;
    }
    auto& machine = **started;
    if (request.show_boot) live.show(LiveOutput::Show::boot_messages);
    machine.listen(std::ref(live));
    const auto up = machine.wait_for_dom0(request.boot_timeout);
    live.show(LiveOutput::Show::command_output);
    if (!up) report(up.error(), machine);
    else std::fprintf(stderr, "boot: Dom0 is up after %.1f s; log %s\n", machine.age(), machine.log_file().c_str());
    bool good = up && run_commands(machine, request);
    if (good && request.interactive) good = hand_over(machine);
    else if (up && request.power_off) good = power_off(machine) && good;
    machine.listen(nullptr);
    if (!request.log_copy.empty()) copy_log(machine, request.log_copy);
    return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view{argv[1]} == "--help") {
        std::fputs(usage, stdout);
        return 0;
    }
    const auto request = parse(argc, argv);
    return request ? drive(*request) : 2;
}
