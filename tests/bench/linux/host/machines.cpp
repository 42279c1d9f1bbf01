// SPDX-License-Identifier: MIT
#include "machines.hpp"

#include <fstream>
#include <sstream>

#include "harness/machine.hpp"
#include "harness/qemu_command.hpp"

namespace rf::bench {

namespace fs = std::filesystem;

namespace {

constexpr auto replace = fs::copy_options::recursive | fs::copy_options::overwrite_existing;

fs::path sources() { return system::source_directory() / "tests/bench/linux"; }

system::MachineOptions options_of(Who who, const std::string& name)
{
    system::MachineOptions options;
    options.name = "linux_bench-" + name + "-" + name_of(who);
    options.hypervisor = who == Who::xen ? system::Hypervisor::xen : system::Hypervisor::ringfort;
    options.loader = system::Loader::qemu_multiboot1;
    return options;
}

Result<void> copy_into(const fs::path& from, const fs::path& to)
{
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    fs::copy(from, to, replace, error);
    if (error) return std::unexpected(Failure{"cannot copy " + from.string() + " to " + to.string() + ": " + error.message()});
    return {};
}

Result<void> join(const std::vector<fs::path>& parts, const fs::path& whole)
{
    std::ofstream out{whole, std::ios::binary};
    for (const auto& part : parts) {
        std::ifstream in{part, std::ios::binary};
        if (!(out << in.rdbuf())) return std::unexpected(Failure{"cannot append " + part.string() + " to " + whole.string()});
    }
    return {};
}

/// The guests' initramfs: the tests' own with the bench's program behind it.
Result<fs::path> make_guest_image(const fs::path& work, const fs::path& build)
{
    const auto root = work / "domu", archive = work / "domu.cpio", image = work / "bench-guest.cpio.gz";
    for (const auto& [from, to] : {std::pair{sources() / "domu", root}, {build / "bench/work", root / "sbin/work"}})
        if (auto done = copy_into(from, to); !done) return std::unexpected(done.error());
    if (auto done = system::run_program({system::source_directory() / "tests/images/overlay", root, archive}); !done)
        return std::unexpected(done.error());
    if (auto done = system::run_program({"gzip", "-1nf", archive}); !done) return std::unexpected(done.error());
    if (auto done = join({build / "images/guest.cpio.gz", archive.string() + ".gz"}, image); !done) return std::unexpected(done.error());
    return image;
}

}  // namespace

std::string name_of(Who who) { return who == Who::xen ? "xen" : "ringfort"; }

Result<fs::path> lay_dom0(Who who, const fs::path& build)
{
    const auto work = build / "run" / ("linux_bench." + name_of(who));
    std::error_code ignored;
    fs::remove_all(work, ignored);
    fs::create_directories(work, ignored);
    const auto root = work / "dom0";
    if (auto done = system::run_program({system::source_directory() / "tests/demo/lay", build, root}); !done) return std::unexpected(done.error());
    const auto image = make_guest_image(work, build);
    if (!image) return std::unexpected(image.error());
    for (const auto& [from, to] : {std::pair{sources() / "dom0", root},
                                   {sources() / "dom0/usr/lib/bench" / (name_of(who) + ".sh"), root / "usr/lib/bench/side.sh"},
                                   {build / "bench/work", root / "usr/sbin/work"},
                                   {build / "guests/idle", root / "guests/idle"},
                                   {build / "guests/switch", root / "guests/switch"},
                                   {build / "guests/bench", root / "guests/bench"},
                                   {*image, root / "images/bench-guest.cpio.gz"}})
        if (auto done = copy_into(from, to); !done) return std::unexpected(done.error());
    return root;
}

fs::path meter_file(const LinuxRun& run, const fs::path& build) { return build / "bench" / ("linux-" + run.stage + "-" + name_of(run.who) + (run.profile.empty() ? "" : "-profiled") + ".meter"); }

Result<MeteredMachine> MeteredMachine::start(const LinuxRun& run, const fs::path& root, const fs::path& build)
{
    auto options = options_of(run.who, run.stage);
    options.memory_mib = run.memory_mib;
    options.dom0_memory_mib = run.dom0_mib;
    options.kernel_arguments = (run.profile.empty() ? "" : "rf.symbols ") + std::string("rf.bench=") + run.stage + " " + run.kernel_arguments;
    // the same on both sides, but for the QEMU that serves Xen's qdisk
    options.overlays = {build / "images/oracle.cpio", build / "images/guest-files.cpio", root};
    if (run.who == Who::xen && run.stage == "block") options.overlays.push_back(build / "bench/qemu-xen");
    const auto scratch = build / "run" / options.name;
    fs::create_directories(scratch);
    const auto files = system::prepare_boot(options, scratch);
    if (!files) return std::unexpected(files.error());

    const auto log = build / "logs" / (options.name + ".log"), meter = meter_file(run, build);
    fs::create_directories(log.parent_path());
    fs::create_directories(meter.parent_path());
    fs::remove(log);
    fs::remove(meter);
    auto words = exact_machine(run.memory_mib, log);
    words.insert(words.end(), {"-kernel", files->hypervisor, "-append", files->hypervisor_arguments, "-initrd",
                               files->kernel.string() + " " + files->kernel_arguments + "," + files->initrd.string(), "-plugin",
                               (build / "bench/meter.so").string() + ",out=" + meter.string() + (run.profile.empty() ? "" : ",profile=" + run.profile.string())});
    auto process = system::Process::start(words, {});
    if (!process) return std::unexpected(process.error());
    auto line = shell_line(words);
    for (auto at = line.find(build.string()); at != std::string::npos; at = line.find(build.string())) line.replace(at, build.string().size(), "build");
    return MeteredMachine{std::move(*process), run, line};
}

Result<void> MeteredMachine::finish()
{
    const auto status = process_.wait(std::chrono::duration_cast<std::chrono::milliseconds>(run_.limit));
    if (!status) process_.kill();
    const auto machine = "the machine of stage " + run_.stage + " on " + name_of(run_.who);
    if (!status) return std::unexpected(Failure{machine + " did not end in " + std::to_string(run_.limit.count()) + " minutes"});
    if (*status != 0) return std::unexpected(Failure{machine + ": the emulator ended with status " + std::to_string(*status)});
    return {};
}

Readings read_meter(const fs::path& file)
{
    std::ifstream in{file};
    std::ostringstream text;
    if (in) text << in.rdbuf();
    return parse_readings(text.str());
}

Result<double> boot_seconds(Who who)
{
    auto machine = system::Machine::start(options_of(who, "boot"));
    if (!machine) return std::unexpected(machine.error());
    if (auto up = (*machine)->expect("rf: dom0 user space up", std::chrono::seconds{240}); !up) return std::unexpected(up.error());
    return (*machine)->age();
}

}  // namespace rf::bench
