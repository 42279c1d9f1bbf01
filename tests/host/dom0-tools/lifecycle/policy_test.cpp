// SPDX-License-Identifier: MIT
/// Story: domains end, rightly or wrongly, and tools are killed half-way. What follows depends on the definition and on what
/// is found, never on who was there when it happened.
#include <gtest/gtest.h>

#include "lifecycle/end_policy.hpp"
#include "lifecycle/supervisor.hpp"
#include "xen/sched.h"

namespace rf::lifecycle {
namespace {

using config::EndAction;
using TaskKind = Task::Kind;

Next next(EndAction poweroff, EndAction reboot, EndAction crash, unsigned reason)
{
    config::DomainSpec spec;
    spec.on_poweroff = poweroff;
    spec.on_reboot = reboot;
    spec.on_crash = crash;
    return decide_end(spec, reason, 3600, 0).next;
}

TEST(EndPolicy, EachReasonAsksItsOwnAction)
{
    using enum EndAction;
    EXPECT_EQ(next(destroy, restart, preserve, ::xen::SHUTDOWN_poweroff), Next::destroy);
    EXPECT_EQ(next(destroy, restart, preserve, ::xen::SHUTDOWN_reboot), Next::restart);
    EXPECT_EQ(next(destroy, restart, preserve, ::xen::SHUTDOWN_crash), Next::keep);
    EXPECT_EQ(next(destroy, restart, rename_restart, ::xen::SHUTDOWN_watchdog), Next::rename_restart);
    EXPECT_EQ(next(destroy, restart, coredump_restart, ::xen::SHUTDOWN_crash), Next::restart);
    EXPECT_EQ(next(destroy, restart, coredump_destroy, ::xen::SHUTDOWN_crash), Next::destroy);
    EXPECT_EQ(next(restart, destroy, destroy, ::xen::SHUTDOWN_poweroff), Next::restart);
    EXPECT_EQ(next(destroy, destroy, destroy, ::xen::SHUTDOWN_suspend), Next::leave);
}

TEST(EndPolicy, ADomainThatDiesAtOnceIsNotRestartedForEver)
{
    config::DomainSpec spec;
    spec.on_crash = EndAction::restart;
    unsigned quick_ends = 0;
    for (unsigned i = 1; i < most_quick_ends; ++i) {
        const auto decision = decide_end(spec, ::xen::SHUTDOWN_crash, 2, quick_ends);
        EXPECT_EQ(decision.next, Next::restart);
        quick_ends = decision.quick_ends;
    }
    EXPECT_EQ(decide_end(spec, ::xen::SHUTDOWN_crash, quick_end_seconds, quick_ends).quick_ends, 0u);
    const auto last = decide_end(spec, ::xen::SHUTDOWN_crash, 2, quick_ends);
    EXPECT_EQ(last.next, Next::destroy);
    EXPECT_TRUE(last.restarts_exceeded);
}

TEST(EndPolicy, ARestartOutlivesTheDeathOfADaemonButNotForEver)
{
    using builder::Kind;
    // What a request to the store fails with when the store dies: before it is sent, while it waits, when another is tried.
    for (const int code : {EPIPE, ECONNRESET, ECONNREFUSED}) {
        const Kind kind = builder::kind_of(code);
        EXPECT_TRUE(restart_keeps(kind, 1)) << code;
        EXPECT_FALSE(restart_keeps(kind, most_quick_ends)) << code;
    }
    for (const Kind kind : {Kind::invalid, Kind::conflict, Kind::no_resource, Kind::not_permitted, Kind::not_found})
        EXPECT_FALSE(restart_keeps(kind, 1)) << "would fail for ever";
}

Supervisor::Sight healthy()
{
    Supervisor::Sight sight;
    sight.record.id = xen::DomainId(5);
    sight.record.stage = Stage::running;
    sight.exists = sight.same_uuid = true;
    return sight;
}

std::optional<TaskKind> judged(const Supervisor::Sight& sight)
{
    const auto task = Supervisor::judge(sight);
    return task ? std::optional(task->kind) : std::nullopt;
}

TEST(Judgement, AHealthyDomainIsLeftAlone)
{
    EXPECT_EQ(judged(healthy()), std::nullopt);
}

TEST(Judgement, WhatIsWorkedOnIsLeftToWhoeverDoesIt)
{
    for (const Stage stage : {Stage::building, Stage::running, Stage::ending}) {
        Supervisor::Sight sight = healthy();
        sight.record.stage = stage;
        sight.locked = true;
        sight.shut_down = true;
        EXPECT_EQ(judged(sight), std::nullopt);
        sight.exists = false;
        EXPECT_EQ(judged(sight), std::nullopt);
    }
}

TEST(Judgement, OrphansAreRemoved)
{
    Supervisor::Sight sight = healthy();
    sight.record.stage = Stage::building;
    EXPECT_EQ(judged(sight), TaskKind::finish_destroy);
    sight.record.stage = Stage::ending;
    EXPECT_EQ(judged(sight), TaskKind::finish_destroy);
    sight = healthy();
    sight.dying = true;
    EXPECT_EQ(judged(sight), TaskKind::finish_destroy);
    sight = healthy();
    sight.exists = false;
    EXPECT_EQ(judged(sight), TaskKind::remove_traces);
    sight = healthy();
    sight.same_uuid = false;  // the number is another domain's now: its nodes must not be touched
    sight.dying = true;
    EXPECT_EQ(judged(sight), TaskKind::forget);
}

// rfd may die after it has started a guest again and before it has noted that. The note must not wait for the guest's destruction,
// and bring it back then.
TEST(Judgement, ARestartIsOverOnceTheDomainRuns)
{
    EXPECT_TRUE(Supervisor::restart_is_over(healthy()));
    Supervisor::Sight sight = healthy();
    sight.shut_down = true;  // the domain before: its end is being handled
    EXPECT_FALSE(Supervisor::restart_is_over(sight));
    sight = healthy();
    sight.dying = true;
    EXPECT_FALSE(Supervisor::restart_is_over(sight));
    sight = healthy();
    sight.locked = true;
    EXPECT_FALSE(Supervisor::restart_is_over(sight));
    sight = healthy();
    sight.record.stage = Stage::building;  // half made: to be removed, and made again
    EXPECT_FALSE(Supervisor::restart_is_over(sight));
}

// Between the end of a domain and its new beginning there is none of its uuid: that looks like a restart which nobody does.
TEST(Judgement, ADomainIsStartedAgainByOneOnly)
{
    Supervisor::Sight sight = healthy();
    sight.record.uuid[0] = 7;
    sight.shut_down = true;
    const auto end = Supervisor::judge(sight);
    ASSERT_TRUE(end);
    const Task again{TaskKind::restart, {}, sight.record.uuid};
    EXPECT_TRUE(exclude_each_other(*end, again));
    EXPECT_TRUE(exclude_each_other(again, *end));
    sight.record.uuid[0] = 8;
    EXPECT_FALSE(exclude_each_other(*end, Task{TaskKind::restart, {}, sight.record.uuid}));
    EXPECT_TRUE(exclude_each_other(*end, Task{TaskKind::start_backend, end->domain, {}})) << "two deeds for one domain";
    EXPECT_FALSE(exclude_each_other(*end, Task{TaskKind::start_backend, xen::DomainId(6), {}}));
}

TEST(Judgement, AnEndIsHandledOnce)
{
    Supervisor::Sight sight = healthy();
    sight.shut_down = true;
    EXPECT_EQ(judged(sight), TaskKind::handle_end);
    sight.record.stage = Stage::kept;
    EXPECT_EQ(judged(sight), std::nullopt);
}

TEST(Judgement, AMissingBackendIsStarted)
{
    Supervisor::Sight sight = healthy();
    sight.wants_backend = true;
    EXPECT_EQ(judged(sight), TaskKind::start_backend);
    sight.has_backend = true;
    EXPECT_EQ(judged(sight), std::nullopt);
    sight.has_backend = false;
    sight.shut_down = true;
    EXPECT_EQ(judged(sight), TaskKind::handle_end);
}

}  // namespace
}  // namespace rf::lifecycle
