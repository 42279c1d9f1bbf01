// SPDX-License-Identifier: MIT
#include "harness/qemu_command.hpp"

#include <fstream>
#include <system_error>

namespace rf::system {

namespace fs = std::filesystem;

namespace {

Result<fs::path> existing(const fs::path& file, const std::string& remedy) {
    std::error_code error;
    if (fs::exists(file, error)) return file;
    return std::unexpected(Failure{file.string() + " does not exist; " + remedy});
}

/// The overlay as an archive: an archive stays itself, a directory is packed with the libraries its programs need.
Result<fs::path> overlay_archive(const fs::path& overlay, const fs::path& packed) {
    if (!fs::is_directory(overlay)) return existing(overlay, "build the overlay first");
    const auto tool = source_directory() / "tests/images/overlay";
    if (auto done = run_program({tool, overlay, packed}); !done) return std::unexpected(done.error());
    return packed;
}

Result<void> append_file(std::ofstream& out, const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    if (!(out << in.rdbuf())) return std::unexpected(Failure{"cannot copy " + file.string() + " into the initrd"});
    // the kernel wants every archive on a four-byte boundary
    while (out.tellp() % 4 != 0) out.put('\0');
    return {};
}

Result<fs::path> join_initrd(const MachineOptions& options, const fs::path& scratch) {
    auto base = existing(build_directory() / "images/dom0-base.cpio", "run 'make images'");
    if (!base) return base;
    std::vector<fs::path> parts{*base};
    for (const auto& overlay : options.overlays) {
        auto part = overlay_archive(overlay, scratch / ("overlay" + std::to_string(parts.size()) + ".cpio"));
        if (!part) return part;
        parts.push_back(*part);
    }
    if (parts.size() == 1) return *base;
    const auto joined = scratch / "initrd";
    std::ofstream out{joined, std::ios::binary};
    for (const auto& part : parts)
        if (auto done = append_file(out, part); !done) return std::unexpected(done.error());
    return joined;
}

fs::path default_hypervisor(Hypervisor hypervisor) {
    switch (hypervisor) {
    case Hypervisor::ringfort: return build_directory() / "ringfort";
    case Hypervisor::xen: return build_directory() / "images/xen";
    case Hypervisor::none: break;
    }
    return {};
}

Result<fs::path> build_iso(const BootFiles& files, const fs::path& iso) {
    std::vector<std::string> words{source_directory() / "tests/images/make-iso", "--out", iso, "--kernel", files.kernel,
                                   "--kernel-args", files.kernel_arguments, "--initrd", files.initrd};
    if (!files.hypervisor.empty())
        words.insert(words.end(), {"--hypervisor", files.hypervisor, "--hypervisor-args", files.hypervisor_arguments});
    if (auto done = run_program(words); !done) return std::unexpected(done.error());
    return iso;
}

void add_disks(std::vector<std::string>& words, const MachineOptions& options) {
    const bool has_ahci = options.machine_type.starts_with("q35");
    if (!has_ahci) words.insert(words.end(), {"-device", "ich9-ahci,id=ahci"});
    unsigned port = 0;
    for (std::size_t i = 0; i < options.disks.size(); ++i) {
        const auto& disk = options.disks[i];
        const auto id = "disk" + std::to_string(i);
        auto drive = "file=" + disk.image.string() + ",format=raw,if=none,cache=unsafe,id=" + id;
        if (disk.mode == DiskMode::read_only) drive += ",readonly=on";
        if (disk.mode == DiskMode::snapshot) drive += ",snapshot=on";
        words.insert(words.end(), {"-drive", drive, "-device"});
        if (disk.bus == DiskBus::virtio)
            words.push_back("virtio-blk-pci,drive=" + id + ",serial=" + id);
        else
            words.push_back("ide-hd,drive=" + id + ",serial=" + id + ",bus=" + (has_ahci ? "ide." : "ahci.") + std::to_string(port++));
    }
}

void add_nics(std::vector<std::string>& words, const MachineOptions& options) {
    if (options.nics.empty()) words.insert(words.end(), {"-nic", "none"});
    for (std::size_t i = 0; i < options.nics.size(); ++i) {
        const auto id = "net" + std::to_string(i);
        const auto* device = options.nics[i].model == NicModel::virtio ? "virtio-net-pci" : "e1000";
        const auto mac = ",mac=52:54:00:00:00:" + std::to_string(10 + i);
        // no option ROM: nothing boots from the network, and not every QEMU tree has one
        words.insert(words.end(), {"-netdev", options.nics[i].backend + ",id=" + id, "-device",
                                   std::string{device} + ",netdev=" + id + mac + ",romfile="});
    }
}

/// UEFI firmware: the code read-only, its variables in a copy of their own.
Result<void> add_firmware(std::vector<std::string>& words, const fs::path& scratch) {
    const auto code = existing(build_directory() / "images/ovmf-code.fd", "run 'make images'");
    if (!code) return std::unexpected(code.error());
    const auto variables = scratch / "ovmf-vars.fd";
    fs::copy_file(build_directory() / "images/ovmf-vars.fd", variables, fs::copy_options::overwrite_existing);
    words.insert(words.end(), {"-drive", "if=pflash,format=raw,readonly=on,file=" + code->string(), "-drive",
                               "if=pflash,format=raw,file=" + variables.string()});
    return {};
}

}  // namespace

Result<BootFiles> prepare_boot(const MachineOptions& options, const fs::path& scratch) {
    BootFiles files;
    if (options.loader == Loader::disk) return files;
    if (options.hypervisor != Hypervisor::none) {
        const auto chosen = options.hypervisor_file.empty() ? default_hypervisor(options.hypervisor) : options.hypervisor_file;
        auto hypervisor = existing(chosen, options.hypervisor == Hypervisor::xen ? "run 'make images'" : "run 'make'");
        if (!hypervisor) return std::unexpected(hypervisor.error());
        files.hypervisor = *hypervisor;
    }
    auto kernel = existing(options.kernel_file.empty() ? build_directory() / "images/vmlinuz" : options.kernel_file, "run 'make images'");
    if (!kernel) return std::unexpected(kernel.error());
    files.kernel = *kernel;

    const auto memory = std::to_string(dom0_memory(options));
    files.hypervisor_arguments = "dom0_mem=" + memory + "M,max:" + memory + "M com1=115200,8n1 console=com1 loglvl=info" +
                                 " guest_loglvl=warning " +
                                 // Xen would fill all free memory with zeros behind Dom0's back
                                 (options.hypervisor == Hypervisor::xen ? "bootscrub=0 " : "") + options.hypervisor_arguments;
    if (const auto more = hypervisor_arguments_from_environment(); !more.empty()) files.hypervisor_arguments += ' ' + more;
    const char* console = options.hypervisor == Hypervisor::none ? "console=ttyS0 " : "console=hvc0 ";
    files.kernel_arguments = console + options.kernel_arguments;

    auto initrd = join_initrd(options, scratch);
    if (!initrd) return std::unexpected(initrd.error());
    files.initrd = *initrd;
    if (options.loader == Loader::grub) {
        auto iso = build_iso(files, scratch / "boot.iso");
        if (!iso) return std::unexpected(iso.error());
        files.iso = *iso;
    }
    return files;
}

Result<std::string> qemu_program(QemuVersion version) {
    if (version == QemuVersion::installed) return "qemu-system-x86_64";
    auto wrapper = existing(build_directory() / "qemu10/run", "run 'make qemu10' (it needs Debian's backports)");
    if (!wrapper) return std::unexpected(wrapper.error());
    return wrapper->string();
}

Result<std::vector<std::string>> qemu_command(const MachineOptions& options, const BootFiles& files, const fs::path& scratch) {
    auto program = qemu_program(options.qemu);
    if (!program) return std::unexpected(program.error());
    std::vector<std::string> words{*program, "-M", options.machine_type, "-accel", options.counted ? "tcg,thread=single" : "tcg,thread=multi", "-cpu", options.cpu_model,
                                   "-m", std::to_string(options.memory_mib), "-smp", std::to_string(options.cpus), "-no-reboot",
                                   "-display", "none", "-monitor", "none", "-nodefaults", "-serial", "stdio"};
    if (options.counted) words.insert(words.end(), {"-icount", "shift=0,sleep=off"});
    if (options.firmware == Firmware::ovmf)
        if (auto done = add_firmware(words, scratch); !done) return std::unexpected(done.error());
    switch (options.loader) {
    case Loader::grub: words.insert(words.end(), {"-cdrom", files.iso, "-boot", "d"}); break;
    case Loader::disk: words.insert(words.end(), {"-boot", "c"}); break;
    case Loader::qemu_multiboot1:
        if (files.hypervisor.empty())
            words.insert(words.end(), {"-kernel", files.kernel, "-append", files.kernel_arguments, "-initrd", files.initrd});
        else
            words.insert(words.end(), {"-kernel", files.hypervisor, "-append", files.hypervisor_arguments, "-initrd",
                                       files.kernel.string() + " " + files.kernel_arguments + "," + files.initrd.string()});
        break;
    }
    add_disks(words, options);
    add_nics(words, options);
    words.insert(words.end(), options.extra_qemu_arguments.begin(), options.extra_qemu_arguments.end());
    return words;
}

}  // namespace rf::system
