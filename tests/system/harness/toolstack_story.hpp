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

    /// Creates the guest of /etc/ringfort/NAME.xml.
    void create(const std::string& name) { run("rf create /etc/ringfort/" + name + ".xml", std::chrono::seconds{240}); }
    /// What its console has said so far; and waits until a line of it matches (a grep pattern).
    std::string console(const std::string& name) { return run("cat " + console_log(name)); }
    void wait_for_line(const std::string& name, const std::string& line) { wait_until("grep -q '" + line + "' " + console_log(name)); }
    static std::string console_log(const std::string& name) { return "/var/log/ringfort/console/" + name + ".log"; }
    /// What domains may leave behind, for expect_nothing_left.
    std::string leftovers() { return run("leftovers", std::chrono::seconds{120}); }
    /// The number of a running domain, or "" after a reported failure.
    std::string number_of(const std::string& name) { return run("rf domid " + name); }
    /// Ends a ping in Dom0, `process` in the shell's words, and waits until it has written its summary.
    void end_ping(const std::string& process) { run("pid=" + process + "; kill -INT $pid && while [ -d /proc/$pid ]; do usleep 50000; done"); }
    /// Numbers of the requests in an ended ping's output in Dom0 that were never answered. The last `under_way` may have been under
    /// way when it ended. "" is well; an output without any answer is not.
    std::string unanswered_pings(const std::string& file, unsigned under_way = 2);
    /// Runs a command that must fail with `status` and say `message` (a part of what it says).
    void expect_refusal(const std::string& command, int status, const std::string& message);
    /// What domains may leave behind is as `before` (an answer of `leftovers`), but for at most `grown` free pages: those by
    /// which the hypervisor's tables for Dom0 grew at their first use. The story `survival` shows that they do not grow on.
    void expect_nothing_left(const std::string& before, long grown);
    /// Waits until `condition` (a shell command) is true.
    void wait_until(const std::string& condition, std::chrono::seconds limit = std::chrono::seconds{90});
};

}  // namespace rf::system
