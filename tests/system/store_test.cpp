// SPDX-License-Identifier: MIT
// Story: the store is there for everybody, whatever happens to its process.
//
// Debian's own xenstore-* clients read, write, list, watch and protect nodes in our store, and Debian's xl names our guest.
// The store is then killed twenty times while a client writes and a guest runs: nothing that was acknowledged is lost, watches
// live on, the guest's card answers all the time, and the guest still hears the request to shut down, which reaches it through
// the store alone.
#include <gtest/gtest.h>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

class Store : public ToolstackStory {
protected:
    std::string status_of(const std::string& command) { return run(command + " > /tmp/out.txt 2>&1; echo $?"); }
};

TEST_F(Store, OutlivesItsProcessAndSpeaksToDebiansClients) {
    MachineOptions options;
    options.name = "store";
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, {}));

    run("xenstore-write /tool/story/a one /tool/story/b two");
    EXPECT_EQ(run("xenstore-read /tool/story/a /tool/story/b"), "one\ntwo");
    EXPECT_EQ(run("xenstore-list /tool/story"), "a\nb");
    EXPECT_EQ(run("xenstore-ls -p /tool/story | grep -c 'n0'"), "2");
    EXPECT_EQ(status_of("xenstore-exists /tool/story/c"), "1");
    run("xenstore-rm /tool/story/b");
    EXPECT_EQ(status_of("xenstore-read /tool/story/b"), "1");
    EXPECT_NE(run("cat /tmp/out.txt"), "");

    create("guest");
    wait_until("ping -c 1 -W 1 10.9.0.2");
    EXPECT_NE(run("xl list").find("guest"), std::string::npos);
    run("xenstore-chmod /tool/story/a n0 r$(rf domid guest)");
    EXPECT_NE(run("xenstore-ls -p /tool/story").find("(n0,r1)"), std::string::npos);

    run("xenstore-watch -n 3 /tool/watched > /tmp/watched.txt 2>&1 & echo $! > /tmp/watcher");
    wait_until("[ -s /tmp/watched.txt ]");
    run("xenstore-write /tool/watched 1");
    const std::string backend = "cat /run/ringfort/backd/$(rf domid guest).pid";
    const auto backend_before = run(backend);
    run("ping -i 0.2 -W 10 10.9.0.2 > /tmp/pings 2>&1 & echo $! > /tmp/pinger");
    run("wrote=0\n"
        "for round in $(seq 20); do\n"
        "  kill -9 $(pidof rf-stored)\n"
        "  setsid /usr/lib/ringfort/rf-stored >> /var/log/ringfort/rf-stored.log 2>&1 < /dev/null &\n"
        "  for try in $(seq 100); do xenstore-write /tool/story/r$round $round 2> /dev/null && wrote=$((wrote + 1)) && break; usleep 50000; done\n"
        "done\n"
        "echo $wrote > /tmp/wrote", 120s);
    EXPECT_EQ(run("cat /tmp/wrote"), "20");
    end_ping("$(cat /tmp/pinger)");
    EXPECT_EQ(unanswered_pings("/tmp/pings"), "") << run("tail -n 3 /tmp/pings");
    EXPECT_EQ(run(backend), backend_before) << "the guest's backend was started anew";
    EXPECT_EQ(status_of("(for round in $(seq 20); do [ \"$(xenstore-read /tool/story/r$round)\" = $round ] || exit 1; done)"), "0");
    EXPECT_EQ(run("xenstore-read /tool/story/a"), "one");
    EXPECT_NE(run("xenstore-ls -p /tool/story").find("(n0,r1)"), std::string::npos);
    EXPECT_EQ(run("rf domname $(rf domid guest)"), "guest");
    run("ping -c 1 -W 5 10.9.0.2");
    run("rf shutdown guest");
    wait_until("[ $(rf list | wc -l) = 2 ]");
    EXPECT_EQ(run("xenstore-ls /local/domain | grep -c '^[1-9]' || true"), "0") << "nodes of the guest are left";
    run("kill $(cat /tmp/watcher) 2> /dev/null || true");
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
