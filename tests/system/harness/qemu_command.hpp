// SPDX-License-Identifier: MIT
// From MachineOptions to files and words: the boot image of a machine and the command line that starts it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/options.hpp"
#include "harness/process.hpp"

namespace rf::system {

/// What start-up needs besides the options, made anew for every start.
struct BootFiles {
    std::filesystem::path hypervisor;  ///< empty for a native start
    std::filesystem::path kernel;
    std::filesystem::path initrd;  ///< Dom0's base archive with the overlays behind it
    std::filesystem::path iso;     ///< empty unless GRUB loads
    std::string hypervisor_arguments;
    std::string kernel_arguments;
};

/// Checks that the inputs exist, joins the initrd and builds the ISO in `scratch`. Errors name the missing file and the
/// make target that builds it.
[[nodiscard]] Result<BootFiles> prepare_boot(const MachineOptions& options, const std::filesystem::path& scratch);

/// The emulator's command line; its serial line is on standard input and output.
[[nodiscard]] Result<std::vector<std::string>> qemu_command(const MachineOptions& options, const BootFiles& files,
                                                            const std::filesystem::path& scratch);

/// The emulator's program for `version`. A backports_10 that has not been fetched is a failure, never a silent 7.2.
[[nodiscard]] Result<std::string> qemu_program(QemuVersion version);

}  // namespace rf::system
