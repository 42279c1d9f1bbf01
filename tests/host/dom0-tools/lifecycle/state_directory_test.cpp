// SPDX-License-Identifier: MIT
/// Story: rf, rfd and whoever comes after them know of each other only what lies in one directory. It must say the same to
/// all, survive the death of any of them at any point, and not be led astray by rubbish.
#include "lifecycle/state_directory.hpp"

#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "lifecycle/backend_process.hpp"
#include "lifecycle/create.hpp"
#include "lifecycle/json.hpp"
#include "lifecycle/record_cache.hpp"

namespace rf::lifecycle {
namespace {

class StateDirectoryTest : public ::testing::Test {
protected:
    ~StateDirectoryTest() override { std::filesystem::remove_all(state.root()); }

    /// A backend that handles the signal so, and lives on until it ends.
    std::string write_backend(const std::string& on_terminate)
    {
        std::filesystem::create_directories(state.root());
        const std::string program = state.root() + "/backend";
        std::ofstream(program) << "#!/bin/sh\n[ \"$1 $2\" = '--domain 7' ] || exit 1\ntrap '" << on_terminate << "' TERM\n: > '" << state.root()
                               << "/ready'\nwhile :; do sleep 0.1 3>&-; done\n";
        std::filesystem::permissions(program, std::filesystem::perms::owner_all);
        return program;
    }
    void wait_until_ready() const
    {
        for (int i = 0; i < 1000 && !std::filesystem::exists(state.root() + "/ready"); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }

    StateDirectory state{"/tmp/rf-state-test." + std::to_string(::getpid())};
    const DomainRecord record{xen::DomainId(7), "web", *config::parse_uuid("00112233445566778899aabbccddeeff"), Stage::running,
                              "<domain>\n\"quoted\" \xc3\xa9\n</domain>", "/etc/web.xml", 1700000000, 2};
};

TEST_F(StateDirectoryTest, RecordsComeBackAsTheyWere)
{
    ASSERT_TRUE(state.save(record));
    const auto read = state.load(xen::DomainId(7));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->name, record.name);
    EXPECT_EQ(read->uuid, record.uuid);
    EXPECT_EQ(read->stage, Stage::running);
    EXPECT_EQ(read->definition, record.definition);
    EXPECT_EQ(read->definition_file, record.definition_file);
    EXPECT_EQ(read->created, record.created);
    EXPECT_EQ(read->quick_ends, 2u);
    EXPECT_EQ(state.list(), std::vector{xen::DomainId(7)});
    state.remove(xen::DomainId(7));
    EXPECT_FALSE(state.load(xen::DomainId(7)));
    EXPECT_TRUE(state.list().empty());
}

// rfd looks at all domains again and again: what was not replaced is not read, what was is seen at once.
TEST_F(StateDirectoryTest, ACachedRecordIsReadAgainWhenItsFileWasReplaced)
{
    RecordCache cache;
    const xen::DomainId id(7);
    EXPECT_EQ(cache.find(state, id), nullptr);
    ASSERT_TRUE(state.save(record));
    ASSERT_NE(cache.find(state, id), nullptr);
    EXPECT_EQ(cache.find(state, id)->name, "web");
    // nobody changes a file in place: the cache does not look inside again
    const std::string file = state.root() + "/domains/7.json";
    const auto written = std::filesystem::last_write_time(file);
    std::ofstream(file) << "rubbish";
    std::filesystem::last_write_time(file, written);
    ASSERT_NE(cache.find(state, id), nullptr) << "read again although it is the same file";
    DomainRecord changed = record;
    changed.stage = Stage::ending;
    ASSERT_TRUE(state.save(changed));
    ASSERT_NE(cache.find(state, id), nullptr);
    EXPECT_EQ(cache.find(state, id)->stage, Stage::ending);
    const auto before = cache.find(state, id);
    cache.keep_only(std::vector{xen::DomainId(6), id});
    EXPECT_EQ(cache.find(state, id), before);
    cache.keep_only({});
    state.remove(id);
    EXPECT_EQ(cache.find(state, id), nullptr);
}

TEST_F(StateDirectoryTest, RubbishIsNoRecord)
{
    ASSERT_TRUE(state.save(record));
    for (const char* text : {"", "{", "[]", "{\"schema\":\"rf/v2\"}", "{\"schema\":\"rf/v1\",\"stage\":\"flying\"}", "{\"schema\":7}"}) {
        std::ofstream(state.root() + "/domains/7.json") << text;
        EXPECT_FALSE(state.load(xen::DomainId(7))) << text;
    }
    std::ofstream(state.root() + "/domains/x.json") << "{}";
    std::ofstream(state.root() + "/domains/99999.json") << "{}";
    std::ofstream(state.root() + "/domains/8.json.new") << "{}";
    EXPECT_EQ(state.list(), std::vector{xen::DomainId(7)});
}

TEST_F(StateDirectoryTest, ARestartOutlivesTheOldDomain)
{
    ASSERT_TRUE(state.save_restart(record));
    state.remove(record.id);
    const auto restarts = state.restarts();
    ASSERT_EQ(restarts.size(), 1u);
    EXPECT_EQ(restarts[0].uuid, record.uuid);
    EXPECT_EQ(restarts[0].definition, record.definition);
    state.remove_restart(record.uuid);
    EXPECT_TRUE(state.restarts().empty());
}

TEST_F(StateDirectoryTest, NumbersRiseAndStartOver)
{
    {
        const auto names = state.lock_names();
        ASSERT_TRUE(names);
        EXPECT_EQ(state.next_id(*names).value, 1);
        EXPECT_EQ(state.next_id(*names).value, 2);
    }
    {
        const auto names = state.lock_names();
        ASSERT_TRUE(names);
        EXPECT_EQ(state.next_id(*names).value, 3) << "remembered from one process to the next";
        std::ofstream(state.root() + "/locks/names") << xen::first_reserved_domid - 2 << "\n";
        EXPECT_EQ(state.next_id(*names).value, xen::first_reserved_domid - 1);
        EXPECT_EQ(state.next_id(*names).value, 1);
        EXPECT_EQ(state.next_id(*names).value, 2);
        std::ofstream(state.root() + "/locks/names") << "rubbish";
        EXPECT_EQ(state.next_id(*names).value, 1);
    }
}

TEST_F(StateDirectoryTest, WhatADeadCreatorLeavesIsFound)
{
    ASSERT_TRUE(state.save(record));
    { ASSERT_TRUE(state.lock(record.id, StateDirectory::Waiting::no)); }
    EXPECT_TRUE(state.remains().empty()) << "a lock beside a record is no remains";
    { ASSERT_TRUE(state.lock(xen::DomainId(21), StateDirectory::Waiting::no)); }
    std::ofstream(state.root() + "/domains/22.json.new") << "{ half a rec";
    EXPECT_EQ(state.remains(), (std::vector{xen::DomainId(21), xen::DomainId(22)}));
    EXPECT_EQ(state.remains(std::vector{xen::DomainId(20), xen::DomainId(21)}), std::vector{xen::DomainId(22)});
    state.remove(xen::DomainId(21));
    state.remove(xen::DomainId(22));
    EXPECT_TRUE(state.remains().empty());
    EXPECT_TRUE(state.load(record.id));
}

TEST_F(StateDirectoryTest, ALockIsHeldByOne)
{
    auto first = state.lock(xen::DomainId(7), StateDirectory::Waiting::no);
    ASSERT_TRUE(first);
    const auto second = state.lock(xen::DomainId(7), StateDirectory::Waiting::no);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, Kind::conflict);
    EXPECT_TRUE(state.lock(xen::DomainId(8), StateDirectory::Waiting::no));
    { const FileLock released = std::move(*first); }
    EXPECT_TRUE(state.lock(xen::DomainId(7), StateDirectory::Waiting::no));
}

TEST_F(StateDirectoryTest, AskingForALockLeavesNoFile)
{
    EXPECT_FALSE(state.is_locked(xen::DomainId(5)));
    EXPECT_FALSE(std::filesystem::exists(state.root() + "/locks/5"));
    {
        const auto lock = state.lock(xen::DomainId(5), StateDirectory::Waiting::no);
        ASSERT_TRUE(lock);
        EXPECT_TRUE(state.is_locked(xen::DomainId(5)));
    }
    EXPECT_FALSE(state.is_locked(xen::DomainId(5)));
}

TEST_F(StateDirectoryTest, WhoWaitedForARemovedLockGetsTheNewOne)
{
    auto first = state.lock(xen::DomainId(7), StateDirectory::Waiting::no);
    ASSERT_TRUE(first);
    std::optional<builder::Result<FileLock>> late;
    std::thread waiter([&] { late = state.lock(xen::DomainId(7), StateDirectory::Waiting::yes); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    state.remove(xen::DomainId(7));
    { const FileLock released = std::move(*first); }
    waiter.join();
    ASSERT_TRUE(late && *late);
    EXPECT_FALSE(state.lock(xen::DomainId(7), StateDirectory::Waiting::no)) << "two hold the lock of one domain";
}

TEST_F(StateDirectoryTest, ALockEndsWithItsProcess)
{
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = state.lock_file(manager_lock, StateDirectory::Waiting::no);
        (void)!::write(ready[1], lock ? "y" : "n", 1);
        ::pause();
        ::_exit(0);
    }
    char answer = 0;
    ASSERT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    EXPECT_TRUE(manager_is_running(state));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_FALSE(manager_is_running(state));
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(StateDirectoryTest, ABackendProcessIsStartedOnceAndStopped)
{
    const std::string program = write_backend("");
    const BackendProcess backend(state, xen::DomainId(7));
    EXPECT_FALSE(backend.is_running());
    const auto started = backend.start(program);
    ASSERT_TRUE(started) << started.error().what;
    ASSERT_GT(*started, 0);
    EXPECT_TRUE(backend.is_running());
    EXPECT_EQ(backend.start(program).value_or(-1), 0);
    wait_until_ready();
    backend.stop(std::chrono::steady_clock::now());
    int status = 0;
    EXPECT_EQ(::waitpid(*started, &status, 0), *started);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EXPECT_FALSE(std::filesystem::exists(state.root() + "/locks/backend-7"));
    const auto missing = backend.start("/nonexistent/rf-backd");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().what.find("/nonexistent/rf-backd"), std::string::npos);
    EXPECT_FALSE(backend.is_running());
}

/// It may have been started for devices that were gone before it looked, and would wait for others.
TEST_F(StateDirectoryTest, ABackendProcessThatDoesNotEndIsAskedToBeforeItIsKilled)
{
    const std::string program = write_backend("exit 3");
    const BackendProcess backend(state, xen::DomainId(7));
    const auto started = backend.start(program);
    ASSERT_TRUE(started) << started.error().what;
    wait_until_ready();
    backend.stop(std::chrono::steady_clock::now() + std::chrono::seconds(30));
    int status = 0;
    EXPECT_EQ(::waitpid(*started, &status, WNOHANG), *started) << "stopped, and still there";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    EXPECT_FALSE(backend.is_running());
}

TEST(Json, PrettyTextIsTheSameValue)
{
    const json::value value{{"a", {1, 2.5, "x\n\""}}, {"b", json::object{}}, {"c", nullptr}, {"d", {{"e", json::array{}}}}};
    EXPECT_EQ(parse_json(pretty_json(value)), value);
    EXPECT_EQ(parse_json(compact_json(value)), value);
    EXPECT_TRUE(pretty_json(value).ends_with("}\n"));
    EXPECT_FALSE(parse_json("{\"a\":}"));
    EXPECT_FALSE(parse_json(std::string(100, '[')));
}

}  // namespace
}  // namespace rf::lifecycle
