// SPDX-License-Identifier: MIT
// Child processes without a shell. A Process owns one child: it is dead and reaped when the object is gone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace rf::system {

/// Why something could not be done: one line for a human.
struct Failure {
    std::string message;
};

template <typename T>
using Result = std::expected<T, Failure>;

/// Where a child's standard streams go; each descriptor stays the caller's and is only duplicated into the child.
struct Streams {
    int input = -1;   ///< -1: /dev/null
    int output = -1;  ///< -1: the caller's own
    int error = -1;   ///< -1: the caller's own
};

class Process {
public:
    /// Starts `arguments[0]`, looked up in PATH. The child is killed by the kernel when the starting thread ends, so
    /// start it from a thread that outlives it (a test's main thread).
    [[nodiscard]] static Result<Process> start(const std::vector<std::string>& arguments, const Streams& streams);

    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    [[nodiscard]] pid_t pid() const { return pid_; }

    /// Exit status (128 + signal for a killed child) once the child has ended, nothing while it runs.
    [[nodiscard]] std::optional<int> poll();

    /// Waits for the end of the child; nothing when `limit` passed first.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit);

    /// SIGKILL and reap. Does nothing to a child that has ended.
    void kill();

private:
    explicit Process(pid_t pid) : pid_(pid) {}

    pid_t pid_ = -1;
    std::optional<int> status_;
};

/// Runs a short program to its end and returns its standard output. A status other than 0 is a failure that carries
/// what the program wrote.
[[nodiscard]] Result<std::string> run_program(const std::vector<std::string>& arguments);

}  // namespace rf::system
