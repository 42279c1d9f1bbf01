// SPDX-License-Identifier: MIT
#pragma once
/// The process that serves a domain's devices: one rf-backd for each domain that has such devices. A lock file tells that it
/// lives: its descriptor is handed down to the process, so the lock is held exactly as long as the process is there, whether
/// or not rfd is. The file holds the process id.

#include <chrono>
#include <string>
#include <sys/types.h>

#include "lifecycle/state_directory.hpp"

namespace rf::lifecycle {

class BackendProcess {
public:
    BackendProcess(const StateDirectory& state, xen::DomainId domain) : state_(state), domain_(domain) {}

    /// Starts `program --domain N` unless one runs. Yields the new process id, or 0.
    [[nodiscard]] builder::Result<pid_t> start(const std::string& program) const;
    [[nodiscard]] bool is_running() const;
    /// Waits a second for it to end by itself, then asks it to, and kills it at the deadline. Removes the lock file.
    void stop(std::chrono::steady_clock::time_point deadline) const;

private:
    [[nodiscard]] std::string lock_name() const { return "backend-" + std::to_string(domain_.value); }
    [[nodiscard]] std::string lock_path() const { return state_.root() + "/locks/" + lock_name(); }
    [[nodiscard]] pid_t recorded_process() const;
    void send(int signal) const;

    const StateDirectory& state_;
    xen::DomainId domain_;
};

}  // namespace rf::lifecycle
