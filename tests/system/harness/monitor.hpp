// SPDX-License-Identifier: MIT
// A look into a running machine from outside, through QEMU's monitor (QMP: JSON lines on a socket).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/process.hpp"

namespace rf::system {

class Monitor {
public:
    /// `socket`: the path given to QEMU as `-qmp unix:PATH,server=on,wait=off`.
    explicit Monitor(std::filesystem::path socket) : socket_(std::move(socket)) {}

    /// Bytes of the machine's physical memory.
    [[nodiscard]] Result<std::vector<char>> memory(std::uint64_t address, std::size_t bytes) const;

    /// Answers to lines as one would type them at the monitor's prompt, one after the other.
    [[nodiscard]] Result<std::vector<std::string>> ask(const std::vector<std::string>& lines) const;

private:
    std::filesystem::path socket_;
};

}  // namespace rf::system
