// SPDX-License-Identifier: MIT
// What a test machine consists of. Every field has a default that boots Dom0 quickly; a test names only what it is about.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace rf::system {

/// What runs below Dom0. `none` starts Dom0's kernel natively, as a reference.
enum class Hypervisor { ringfort, xen, none };

/// Firmware that starts the boot loader.
enum class Firmware { bios, ovmf };

/// How the hypervisor gets into memory: GRUB 2.06 by multiboot2 (the way of a real machine), or QEMU's own multiboot1
/// loader, which is quicker but only serves Debian's Xen. `disk`: whatever the first disk's boot sector starts; hypervisor,
/// kernel, arguments and overlays then are the disk's own affair.
enum class Loader { grub, qemu_multiboot1, disk };

/// The emulator: the system's (7.2 on Debian 12), or 10.0 from backports as fetched by tests/images/fetch-qemu10.
enum class QemuVersion { installed, backports_10 };

enum class DiskBus { virtio, ahci };
enum class NicModel { virtio, e1000 };
enum class DiskMode { read_write, read_only, snapshot };

/// A raw disk image attached to the machine. `snapshot` writes to a temporary copy that dies with QEMU.
struct Disk {
    std::filesystem::path image;
    DiskBus bus = DiskBus::virtio;
    DiskMode mode = DiskMode::read_write;
};

/// A network card. `backend` is the text of -netdev without its id; the default is QEMU's user network, cut off from the
/// world, with DHCP and the gateway 10.0.2.2.
struct Nic {
    NicModel model = NicModel::virtio;
    std::string backend = "user,restrict=on";
};

struct MachineOptions {
    std::string name = "machine";  ///< names the log (build/logs/NAME.log) and the scratch directory (build/run/NAME)
    Hypervisor hypervisor = Hypervisor::ringfort;
    std::filesystem::path kernel_file;      ///< of Dom0; empty: Debian's, build/images/vmlinuz
    std::filesystem::path hypervisor_file;  ///< empty: build/ringfort, or Debian's Xen
    std::string hypervisor_arguments;       ///< added after dom0_mem, com1, console and loglvl
    std::string kernel_arguments;           ///< added after console=hvc0
    std::vector<std::filesystem::path> overlays;  ///< cpio archives or directories laid over Dom0's root, in order

    QemuVersion qemu = QemuVersion::installed;
    Firmware firmware = Firmware::bios;
    Loader loader = Loader::grub;
    std::string machine_type = "q35";
    std::string cpu_model = "max,-smap,-la57";
    unsigned cpus = 2;
    unsigned memory_mib = 2048;
    unsigned dom0_memory_mib = 0;  ///< 0: 1024, or three fifths of a machine smaller than 1707 MiB
    std::vector<Disk> disks;
    std::vector<Nic> nics;
    std::vector<std::string> extra_qemu_arguments;

    /// Virtual time is the number of executed instructions, a nanosecond each, and idle time passes at once: how long things
    /// take no longer depends on the machine below. One processor.
    bool counted = false;

    std::chrono::seconds wall_clock_limit{480};  ///< QEMU is killed after this long, times RF_TIME_SCALE
};

/// The hypervisor chosen by RF_HYPERVISOR (`ringfort`, the default, or `xen`).
[[nodiscard]] Hypervisor hypervisor_from_environment();

/// RF_HYPERVISOR_ARGUMENTS: options that every story gives the hypervisor besides its own, such as `xpti=true`; empty when unset.
[[nodiscard]] std::string hypervisor_arguments_from_environment();

/// RF_TIME_SCALE, at least 0.1; 1 when unset. All time-outs of the harness are multiplied by it.
[[nodiscard]] double time_scale();

/// Where make put everything: RF_BUILD, else the directory above the one that holds this executable.
[[nodiscard]] std::filesystem::path build_directory();

/// The project's source tree, for the image builders.
[[nodiscard]] std::filesystem::path source_directory();

/// Dom0's memory for these options, in MiB.
[[nodiscard]] unsigned dom0_memory(const MachineOptions& options);

}  // namespace rf::system
