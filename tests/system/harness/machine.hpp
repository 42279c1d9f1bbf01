// SPDX-License-Identifier: MIT
// A test machine: QEMU with a hypervisor, Dom0 and a serial console, driven by a test. The machine is gone, whatever
// happened, when the object is gone. Drive it from the thread that started it.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/console.hpp"
#include "harness/options.hpp"
#include "harness/process.hpp"

namespace rf::system {

/// What a command run in Dom0 left behind.
struct CommandResult {
    int status = 0;
    std::string output;  ///< both streams, without lines that the hypervisor or the kernel logged meanwhile
    std::string raw;     ///< the same with them
};

class Machine {
public:
    using Limit = std::chrono::milliseconds;

    /// Builds the boot image and starts QEMU. Returns at once; the machine boots meanwhile.
    [[nodiscard]] static Result<std::unique_ptr<Machine>> start(const MachineOptions& options);

    ~Machine();

    /// Waits until Dom0's user space is up and its command agent answers. Must come before run().
    [[nodiscard]] Result<void> wait_for_dom0(Limit limit = std::chrono::seconds{240});

    /// Shows what arrives on the serial line as it arrives; see Console::listen.
    void listen(Console::Listener listener) { console_->listen(std::move(listener)); }

    /// Ends the agent and connects a person with Dom0's shell: bytes of `input` go to the serial line, what arrives there
    /// goes to `output`. Returns true when the machine ended by itself, false when `escape` was typed or input ended. Only
    /// one who calls this has no wall-clock limit any more.
    [[nodiscard]] Result<bool> hand_over(int input, int output, char escape);

    /// Runs a shell command (also of several lines) in Dom0 and waits for its end. Variables and the working directory
    /// persist between commands. A background job must not keep the console open: send its output elsewhere. Once a
    /// command did not end in time, every further one fails at once.
    [[nodiscard]] Result<CommandResult> run(std::string_view command, Limit limit = std::chrono::seconds{60});

    /// Like run(), but a status other than 0 is a failure; returns the output.
    [[nodiscard]] Result<std::string> must_run(std::string_view command, Limit limit = std::chrono::seconds{60});

    /// Starts a command whose end nobody sees, such as poweroff.
    [[nodiscard]] Result<void> run_and_forget(std::string_view command);

    /// See Console::expect; the limit is multiplied by the time scale.
    [[nodiscard]] Result<std::string> expect(const std::string& pattern, Limit limit);

    /// Sends a line to the console as if typed; keep it below 100 characters (the hypervisor's input ring has 128).
    [[nodiscard]] Result<void> send_line(std::string_view line);

    /// The same without the newline: single keys.
    [[nodiscard]] Result<void> send_keys(std::string_view keys) { return console_->send(keys); }

    /// Waits for QEMU's end and returns its exit status.
    [[nodiscard]] Result<int> wait_exit(Limit limit);

    /// Powers Dom0 off and waits for QEMU's end.
    [[nodiscard]] Result<void> power_off(Limit limit = std::chrono::seconds{60});

    /// Everything on the serial console so far, and its last lines.
    [[nodiscard]] std::string log() const { return console_->log(); }
    [[nodiscard]] std::string log_tail(std::size_t lines = 60) const;
    [[nodiscard]] const std::filesystem::path& log_file() const { return log_file_; }

    /// Processor time that QEMU has used so far, in seconds of all its threads together.
    [[nodiscard]] double processor_seconds() const;

    /// Seconds since start().
    [[nodiscard]] double age() const;

private:
    Machine(Process process, std::unique_ptr<Console> console, const MachineOptions& options, std::filesystem::path log_file,
            std::filesystem::path scratch);

    /// Has the hypervisor say in the log what every processor does.
    void ask_why();
    [[nodiscard]] Result<CommandResult> run_in_agent(std::string_view command, Limit limit);
    [[nodiscard]] Result<void> upload(std::string_view command);
    [[nodiscard]] Result<void> upload_line(std::string_view line);
    [[nodiscard]] Limit scaled(Limit limit) const;
    [[nodiscard]] Failure explained(Failure failure);

    Process process_;
    std::unique_ptr<Console> console_;
    MachineOptions options_;
    std::filesystem::path log_file_;
    std::filesystem::path scratch_;
    std::chrono::steady_clock::time_point started_;
    unsigned commands_ = 0;
    std::string lost_to_;  // the command after which the agent no longer answered
    std::jthread watchdog_;  // kills QEMU at the wall-clock limit; stopped first
};

}  // namespace rf::system
