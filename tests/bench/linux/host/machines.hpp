// SPDX-License-Identifier: MIT
// The machines of the Linux figures: both hypervisors with Debian's kernel as Dom0, the bench laid over it, and the meter.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "readings.hpp"
#include "runs.hpp"

namespace rf::bench {

enum class Who { xen, ringfort };

[[nodiscard]] std::string name_of(Who who);

/// One run: which machine, and what its Dom0 does. Each stage has a machine of its own, so that none spoils another.
struct LinuxRun {
    Who who = Who::xen;
    std::string stage;             ///< boot, create, ... (dom0/usr/lib/bench/stages)
    unsigned memory_mib = 4096, dom0_mib = 1024;
    std::string kernel_arguments;  ///< more of Dom0's
    std::chrono::minutes limit{60};
    std::filesystem::path profile{};  ///< where the meter writes counts by block; empty: it makes none
};

/// Makes anew, under build/run, what is laid over Dom0's root behind both tool stacks; its path. It differs in one file.
[[nodiscard]] Result<std::filesystem::path> lay_dom0(Who who, const std::filesystem::path& build);

/// A machine under way. It ends by itself.
class MeteredMachine {
public:
    [[nodiscard]] static Result<MeteredMachine> start(const LinuxRun& run, const std::filesystem::path& root,
                                                      const std::filesystem::path& build);

    /// Waits for the end. What it told until then is in the meter's file in any case.
    [[nodiscard]] Result<void> finish();

    [[nodiscard]] const std::string& command_line() const { return command_line_; }

private:
    MeteredMachine(system::Process process, LinuxRun run, std::string command_line)
        : process_(std::move(process)), run_(std::move(run)), command_line_(std::move(command_line))
    {
    }

    system::Process process_;
    LinuxRun run_;
    std::string command_line_;
};

/// Where a run's meter writes.
[[nodiscard]] std::filesystem::path meter_file(const LinuxRun& run, const std::filesystem::path& build);
/// What an earlier run told; empty readings if there was none.
[[nodiscard]] Readings read_meter(const std::filesystem::path& file);

/// Seconds of wall clock from the emulator's start to Dom0's user space, without the meter, on two processors.
[[nodiscard]] Result<double> boot_seconds(Who who);

}  // namespace rf::bench
