// SPDX-License-Identifier: MIT
// What a machine's serial line shows, as lines for a person who watches: boot messages while it boots, a command's output
// while it runs. Terminal control of firmware and boot loader, and the agent's own lines, are left out.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

namespace rf::system {

class LiveOutput {
public:
    enum class Show { nothing, boot_messages, command_output };

    void show(Show what) { shown_ = what; }

    /// Takes bytes of the serial line; prints the lines that they complete. A Console::Listener.
    void operator()(std::string_view bytes);

private:
    void print_line(std::string_view line);

    std::atomic<Show> shown_ = Show::nothing;
    std::string line_;
    bool in_command_ = false;
};

}  // namespace rf::system
