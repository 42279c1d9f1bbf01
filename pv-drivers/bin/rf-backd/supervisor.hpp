// SPDX-License-Identifier: MIT
#pragma once
/// The privileged parent: holds the domain's pid file (one instance per domain), starts the confined half, opens devices for
/// it, and starts it once more if it lost the store. If the confined half is killed, the parent ends too and leaves the
/// journals: whoever manages the domain decides about a new start.

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "xen/descriptor.hpp"

namespace rf::backd {

class Supervisor {
public:
    /// Takes the pid file. EBUSY if another instance serves the domain.
    [[nodiscard]] static xen::Result<Supervisor> create(std::uint16_t domain);

    /// Body of the confined half: gets the domain, this process and its end of the socket pair, returns an exit status.
    using Body = int (*)(std::uint16_t domain, pid_t parent, int opener);
    /// Runs it to its end and returns this program's exit status.
    [[nodiscard]] int run(Body body);

private:
    Supervisor(std::uint16_t domain, xen::Descriptor pid_file) : domain_(domain), pid_file_(std::move(pid_file)) {}

    /// Starts the confined half once and opens devices until it ends; its wait status.
    [[nodiscard]] xen::Result<int> run_once(Body body);
    /// Waits for the confined half of a predecessor that was killed to be gone, then takes its place. EBUSY if it stays.
    [[nodiscard]] xen::Result<xen::Descriptor> take_turn() const;
    void write_pid(pid_t pid);
    void remove_journals() const;

    std::uint16_t domain_;
    xen::Descriptor pid_file_;
    bool asked_to_stop_ = false;
};

}  // namespace rf::backd
