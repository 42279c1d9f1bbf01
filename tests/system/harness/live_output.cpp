// SPDX-License-Identifier: MIT
#include "harness/live_output.hpp"

#include <cstdio>

namespace rf::system {

namespace {

constexpr std::string_view agent_mark = "@rf:";

/// The line without what the boot loader left in front of it, if it is one of the hypervisor, of Dom0's kernel, or of Dom0's
/// first program; else nothing.
std::string_view boot_message(std::string_view line) {
    if (const auto start = line.find("(RF) ["); start != line.npos) return line.substr(start);
    return line.starts_with("(XEN) ") || line.starts_with("rf: ") || line.starts_with("[ ") ? line : std::string_view{};
}

}  // namespace

void LiveOutput::operator()(std::string_view bytes) {
    for (const char c : bytes) {
        if (c == '\n') {
            print_line(line_);
            line_.clear();
        } else if (c != '\r' && c != '\0') {
            line_ += c;
        }
    }
}

void LiveOutput::print_line(std::string_view line) {
    const auto mark = line.find(agent_mark);
    const auto text = line.substr(0, mark);
    const bool begins = mark != line.npos && line.substr(mark).starts_with("@rf:begin:");
    if (mark != line.npos && !begins) {
        // the command's last line may lack its end
        if (in_command_ && shown_ == Show::command_output && !text.empty()) std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
        in_command_ = false;
    } else if (begins) {
        in_command_ = true;
    } else if (shown_ == Show::command_output && in_command_) {
        std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    } else if (const auto message = boot_message(line); shown_ == Show::boot_messages && !message.empty()) {
        std::printf("%.*s\n", static_cast<int>(message.size()), message.data());
    }
    std::fflush(stdout);
}

}  // namespace rf::system
