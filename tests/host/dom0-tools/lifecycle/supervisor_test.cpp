// SPDX-License-Identifier: MIT
/// Story: a hundred domains run, and one of them ends. rfd looks at that one, and at those that were not in order already; what
/// lies in the records of all others it reads again only when it looks at everything.
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "lifecycle/supervisor.hpp"
#include "xen/fake_kernel.hpp"

namespace rf::lifecycle {
namespace {

using TaskKind = Task::Kind;
using Extent = Supervisor::Extent;
using Tasks = std::vector<Task>;

class SupervisorTest : public ::testing::Test {
protected:
    static constexpr std::uint16_t count = 100;

    void SetUp() override
    {
        std::filesystem::remove_all(root);
        for (std::uint16_t id = 1; id <= count; ++id)
            start(id);
        EXPECT_EQ(look(Extent::all), Tasks{});
    }
    void TearDown() override { std::filesystem::remove_all(root); }

    void start(std::uint16_t id)
    {
        save(id, Stage::running);
        kernel.domains.push_back({id, ::xen::XEN_DOMINF_running});
    }
    void save(std::uint16_t id, Stage stage)
    {
        DomainRecord record;
        record.id = xen::DomainId(id);
        record.name = "guest";
        record.stage = stage;
        ASSERT_TRUE(state.save(record));
    }
    void remove_domain(std::uint16_t id)
    {
        std::erase_if(kernel.domains, [id](const auto& domain) { return domain.id == id; });
    }
    void set_flags(std::uint16_t id, std::uint32_t flags)
    {
        for (auto& domain : kernel.domains)
            if (domain.id == id)
                domain.flags = flags;
    }
    Tasks look(Extent extent)
    {
        auto tasks = supervisor.look(session, extent);
        EXPECT_TRUE(tasks) << tasks.error().what;
        return tasks.value_or(Tasks{});
    }
    static Task task(TaskKind kind, std::uint16_t id) { return {kind, xen::DomainId(id), {}}; }

    const std::string root = std::filesystem::temp_directory_path() / ("rf-supervisor-" + std::to_string(::getpid()));
    const StateDirectory state{root};
    xen::FakeKernel kernel;
    Session session{xen::Privcmd::open(kernel).value(), rpc::StoreClient::adopt(-1)};
    Supervisor supervisor{state, "no-backend"};
};

TEST_F(SupervisorTest, WhenOneGoesOnlyThatOneIsLookedAt)
{
    for (std::uint16_t id = 1; id <= count; ++id)
        if (id != 50)
            save(id, Stage::ending);  // which whoever looks would see
    remove_domain(50);
    EXPECT_EQ(look(Extent::changes), Tasks{task(TaskKind::remove_traces, 50)});
    EXPECT_EQ(look(Extent::changes), Tasks{task(TaskKind::remove_traces, 50)}) << "it is not in order yet";
    state.remove(xen::DomainId(50));
    EXPECT_EQ(look(Extent::changes), Tasks{});
    EXPECT_EQ(look(Extent::all).size(), std::size_t{count - 1});
}

TEST_F(SupervisorTest, WhatTheHypervisorTellsIsSeen)
{
    set_flags(3, ::xen::XEN_DOMINF_shutdown);
    set_flags(100, ::xen::XEN_DOMINF_dying);
    EXPECT_EQ(look(Extent::changes), (Tasks{task(TaskKind::handle_end, 3), task(TaskKind::finish_destroy, 100)}));
    set_flags(3, ::xen::XEN_DOMINF_running);
    remove_domain(100);
    remove_domain(1);
    EXPECT_EQ(look(Extent::changes), (Tasks{task(TaskKind::remove_traces, 1), task(TaskKind::remove_traces, 100)}));
    EXPECT_EQ(look(Extent::all), (Tasks{task(TaskKind::remove_traces, 1), task(TaskKind::remove_traces, 100)}));
}

TEST_F(SupervisorTest, ANewOneIsSeenAndFollowedUntilItRuns)
{
    start(101);
    save(101, Stage::building);
    {
        const auto lock = state.lock(xen::DomainId(101), StateDirectory::Waiting::no);
        ASSERT_TRUE(lock);
        EXPECT_EQ(look(Extent::changes), Tasks{});
    }
    EXPECT_EQ(look(Extent::changes), Tasks{task(TaskKind::finish_destroy, 101)}) << "its builder is dead";
    save(101, Stage::running);
    EXPECT_EQ(look(Extent::changes), Tasks{});
    save(101, Stage::ending);
    EXPECT_EQ(look(Extent::changes), Tasks{}) << "it was in order, and the hypervisor says nothing new";
    EXPECT_EQ(look(Extent::all), Tasks{task(TaskKind::finish_destroy, 101)});
}

}  // namespace
}  // namespace rf::lifecycle
