// SPDX-License-Identifier: MIT
// Runs of the exact machine: one emulated processor whose counter counts instructions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "figures.hpp"
#include "harness/process.hpp"

namespace rf::bench {

using system::Failure;
template <typename T>
using Result = system::Result<T>;

struct Run {
    std::string name;                     ///< of the log
    std::filesystem::path hypervisor;     ///< an image for a multiboot 1 loader
    std::string kernel_arguments;         ///< of the bench kernel
    std::string hypervisor_arguments{};   ///< more of them
};

/// The emulator's words for a machine whose virtual time is executed instructions: one processor, no devices but the serial
/// line, which goes to `log`. The loader's words come behind.
[[nodiscard]] std::vector<std::string> exact_machine(unsigned memory_mib, const std::filesystem::path& log);

/// The emulator's words for a run; its serial line goes to `log`.
[[nodiscard]] std::vector<std::string> command_of(const Run& run, const std::filesystem::path& build, const std::filesystem::path& log);

/// Starts the machine, waits for its end and returns what its serial line said. Fails when it does not end in time.
[[nodiscard]] Result<std::string> run_machine(const Run& run, const std::filesystem::path& build,
                                              const std::vector<std::string>& more_words = {});

/// Two runs of the bench kernel, which must agree to the instruction.
[[nodiscard]] Result<Results> run_twice(const Run& run, const std::filesystem::path& build);

/// The counter at a hypervisor's first instruction with the same loader.
[[nodiscard]] Result<std::uint64_t> loader_end(const std::filesystem::path& build);

/// Bytes of .text and .rodata of an ELF or PE image.
[[nodiscard]] Result<std::uint64_t> code_and_constants(const std::filesystem::path& image);

/// Words as one would type them into a shell.
[[nodiscard]] std::string shell_line(const std::vector<std::string>& words);

}  // namespace rf::bench
