// SPDX-License-Identifier: MIT
// Base of stories in which our own tools run in Dom0: what `make install` lays, the demonstration's bridge and guest, the
// helpers of tests/system/toolstack_root, and Debian's xenstore-ls to look at the store from outside.
#pragma once

#include <string>
#include <vector>

#include "harness/guest_definition.hpp"
#include "harness/story.hpp"

namespace rf::system {

class ToolstackStory : public Story {
protected:
    /// Boots and starts the daemons. Definitions lie in /etc/ringfort/NAME.xml, the example guests in /guests. Overlays of the
    /// options come on top.
    void boot_with_our_tools(MachineOptions options, const std::vector<GuestDefinition>& guests);

    /// The number of a running domain, or "" after a reported failure.
    std::string number_of(const std::string& name) { return run("rf domid " + name); }
    /// Runs a command that must fail with `status` and say `message` (a part of what it says).
    void expect_refusal(const std::string& command, int status, const std::string& message);
    /// What domains may leave behind is as `before` (an answer of `leftovers`), but for at most `grown` free pages: those by
    /// which the hypervisor's tables for Dom0 grew at their first use. The story `survival` shows that they do not grow on.
    void expect_nothing_left(const std::string& before, long grown);
    /// Waits until `condition` (a shell command) is true.
    void wait_until(const std::string& condition, std::chrono::seconds limit = std::chrono::seconds{90});
};

}  // namespace rf::system
