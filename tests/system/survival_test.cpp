// SPDX-License-Identifier: MIT
// Story: guests and tools die at any moment, and nobody else notices.
//
// A neighbour answers pings from the beginning to the end of the story. Meanwhile a small guest is created and destroyed a
// hundred times, a Linux guest with disk and card some times; a victim dies at fifty random moments of its life, also while
// it is being made; `rf` itself is killed at system calls all over its life; the managing daemon is killed and started again
// while guests end.
// Afterwards nothing is left of any of them, and the neighbour has missed nothing.
#include <gtest/gtest.h>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto long_limit = 900s;
/// Pages by which the hypervisor's own tables may have grown, once, over all of it.
constexpr long grown_tables = 4;

std::vector<GuestDefinition> guests() {
    const auto responder = [](const std::string& name, const std::string& number) {
        return GuestDefinition{.name = name,
                               .memory_mib = 8,
                               .kernel = "/guests/network-responder",
                               .initrd = "",
                               .command_line = "ip=10.9.0." + number + "/24",
                               .mac = "00:16:3e:00:00:0" + number};
    };
    return {responder("neighbour", "2"), responder("victim", "3"),
            GuestDefinition{.name = "hello", .memory_mib = 8, .kernel = "/guests/hello", .initrd = ""},
            GuestDefinition{.name = "linux",
                            .command_line = "rf.disk=xvda rf.net=10.9.0.4/24",
                            .disk = "/images/guest-disk.img",
                            .mac = "00:16:3e:00:00:04"}};
}

class Survival : public ToolstackStory {
protected:
    /// Dom0's shell functions of this story.
    void teach() {
        run(R"(random() { echo $(($(od -An -N2 -tu2 /dev/urandom) * $1 / 65536)); }
gone() { ! rf domid $1 > /dev/null 2>&1; }
# end NAME: destroys it however far it has come
end() { for n in $(seq 100); do rf destroy $1 2> /dev/null; gone $1 && return 0; usleep 100000; done; return 1; }
# die NAME MS: is created, and dies within MS milliseconds: every third time because its creator is killed
die() {
    rf create /etc/ringfort/$1.xml > /dev/null 2>&1 &
    creator=$!
    usleep $(($(random $2) * 1000))
    [ $(random 3) != 0 ] || kill -9 $creator 2> /dev/null
    rf destroy $1 > /dev/null 2>&1
    wait $creator
    end $1
}
# settle: what a creator that died left of `linux` is removed without us, unless the guest runs
settle() {
    for n in $(seq 150); do
        gone linux && return 0
        if grep -qs '"stage": *"running"' /run/ringfort/domains/$(rf domid linux).json; then end linux; return; fi
        usleep 100000
    done
    return 1
}
# killed_everywhere POINTS BEFORE COMMAND AFTER: tells how often COMMAND was killed at one of so many points of its life
killed_everywhere() {
    killed=0
    $2 > /dev/null || return 1
    said=$(kill-at 1000000 $3 2>&1)
    stops=$(echo "$said" | sed -n 's/^calls //p')
    [ -n "$stops" ] || { echo "its calls were not counted: $said"; return 1; }
    $4 || return 1
    for point in $(seq $1); do
        $2 > /dev/null || return 1
        kill-at $((stops * point / $1 - point % 7)) $3 > /dev/null 2>&1
        [ $? != 137 ] || killed=$((killed + 1))
        $4 || { echo "point $point of $1"; return 1; }
    done
    echo "$killed, of $stops calls"
})");
    }
};

TEST_F(Survival, NobodyElseNotices) {
    MachineOptions options;
    options.name = "survival";
    options.wall_clock_limit = 2400s;
    const auto overlay = build_directory() / "run/survival.files";
    std::filesystem::create_directories(overlay / "usr/bin");
    std::filesystem::copy_file(build_directory() / "tests/kill-at", overlay / "usr/bin/kill-at", std::filesystem::copy_options::overwrite_existing);
    options.overlays = {overlay};
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, guests()));
    teach();
    run("rf create /etc/ringfort/neighbour.xml", long_limit);
    wait_until("ping -c 1 -W 1 10.9.0.2");
    // The first of its kind has Dom0 set up what it keeps: the neighbour's neighbour entries, the kernel cache.
    run("rf create /etc/ringfort/linux.xml && end linux", long_limit);
    const auto before = leftovers();
    run("ping 10.9.0.2 > /tmp/pings 2>&1 &");

    run("for i in $(seq 100); do rf create /etc/ringfort/hello.xml > /tmp/said 2>&1 || { cat /tmp/said; break; }; end hello || break; done; [ $i = 100 ]",
        long_limit);
    run("for i in $(seq 5); do rf create /etc/ringfort/linux.xml > /tmp/said 2>&1 || { cat /tmp/said; break; }; end linux || break; done; [ $i = 5 ]",
        long_limit);
    EXPECT_EQ(leftovers(), before) << "after creating and destroying";

    run("for i in $(seq 40); do die victim 1500 || break; done; [ $i = 40 ]", long_limit);
    run("for i in $(seq 10); do die linux 8000 || break; done; [ $i = 10 ]", long_limit);
    wait_until("[ $(rf list | wc -l) = 3 ]");
    EXPECT_EQ(leftovers(), before) << "after fifty deaths";

    // rf dies at system calls spread over its whole life. A half-made domain is removed by rfd and its name is free again; what
    // was half destroyed can be destroyed again.
    const auto creations = run("killed_everywhere 30 true 'rf create /etc/ringfort/linux.xml' settle 2> /dev/null", long_limit);
    EXPECT_GE(std::atoi(creations.c_str()), 20) << "creations that were killed";
    {
        SCOPED_TRACE("after killing rf create");
        expect_nothing_left(before, grown_tables);
    }
    const auto destructions = run("killed_everywhere 15 'rf create -p /etc/ringfort/linux.xml' 'rf destroy linux' 'end linux' 2> /dev/null", long_limit);
    EXPECT_GE(std::atoi(destructions.c_str()), 10) << "destructions that were killed";
    {
        SCOPED_TRACE("after killing rf destroy");
        expect_nothing_left(before, grown_tables);
    }

    // The daemon dies; a guest that ends meanwhile is taken care of when it is back, and those that run go on.
    run("rf create /etc/ringfort/hello.xml && kill -9 $(pidof rfd)");
    expect_refusal("rf create /etc/ringfort/linux.xml", 9, "rfd does not run, and domain 'linux' has devices served by backend processes");
    wait_until("rf list hello | grep -q -- '---s--'", 60s);
    run("setsid /usr/lib/ringfort/rfd > /var/log/ringfort/rfd.log 2>&1 < /dev/null &");
    wait_until("! rf domid hello", 60s);
    run("rf create /etc/ringfort/linux.xml", long_limit);
    run("end linux");
    {
        SCOPED_TRACE("after killing rfd");
        expect_nothing_left(before, grown_tables);
    }

    end_ping("$(pidof ping)");
    RecordProperty("pings", run("tail -n 3 /tmp/pings"));
    EXPECT_EQ(unanswered_pings("/tmp/pings"), "");
    run("end neighbour");
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
