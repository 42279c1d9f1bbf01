// SPDX-License-Identifier: MIT
#pragma once
/// A raw pseudo-terminal whose other side people attach to. The other side is kept open here too, so that the terminal
/// survives every detach and what is written while nobody looks stays in it until it is full.

#include <optional>
#include <string>
#include <string_view>

#include "xen/error.hpp"

namespace rf::rpc {

class PseudoTerminal {
public:
    [[nodiscard]] static xen::Result<PseudoTerminal> open();
    PseudoTerminal(PseudoTerminal&& other) noexcept;
    PseudoTerminal& operator=(PseudoTerminal&& other) noexcept;
    ~PseudoTerminal();

    /// Path to attach to ("/dev/pts/3").
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Non-blocking; readable when somebody has typed, writable when there is room.
    [[nodiscard]] int descriptor() const { return master_; }

    /// Writes what fits; returns how many bytes did.
    [[nodiscard]] std::size_t write(std::string_view bytes);
    /// Reads what was typed, at most `limit` bytes; empty if nothing was.
    [[nodiscard]] std::string read(std::size_t limit);

private:
    PseudoTerminal(int master, int slave, std::string path) : master_(master), slave_(slave), path_(std::move(path)) {}

    int master_ = -1;
    int slave_ = -1;
    std::string path_;
};

}  // namespace rf::rpc
