// SPDX-License-Identifier: MIT
// Story: the process's one ring does disk work and waits for descriptors, on the real io_uring of this machine, restricted
// as the confined process has it.
#include "bin/rf-backd/reactor.hpp"

#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

namespace rf {
namespace {

using namespace std::chrono_literals;

class Client final : public block::DiskClient {
public:
    std::vector<std::pair<std::uint32_t, long>> done;
    void completed(std::uint32_t cookie, long result) override { done.emplace_back(cookie, result); }
};

class Reactor : public testing::Test {
protected:
    backd::Reactor reactor;
    Client client;
    std::FILE* file = std::tmpfile();
    int pipe_ends[2] = {-1, -1};

    void SetUp() override
    {
        const auto opened = reactor.open();
        if (!opened && opened.error().code != ENOSYS && opened.error().code != EPERM)
            FAIL() << opened.error().text();
        if (!opened)
            GTEST_SKIP() << "this machine has no io_uring for us: " << opened.error().text();
        ASSERT_TRUE(reactor.restrict());
        ASSERT_EQ(::pipe(pipe_ends), 0);
    }
    void TearDown() override
    {
        std::fclose(file);
        ::close(pipe_ends[0]);
        ::close(pipe_ends[1]);
    }
    void wait_for(std::size_t completions)
    {
        for (int i = 0; i < 1000 && client.done.size() < completions; ++i)
            ASSERT_TRUE(reactor.wait(10ms));
        ASSERT_EQ(client.done.size(), completions);
    }
};

TEST_F(Reactor, WritesSyncsReadsAndDiscards)
{
    std::string text(8192, 'a');
    const iovec out[] = {{text.data(), 4096}, {text.data() + 4096, 4096}};
    using enum block::DiskOperation::Kind;
    reactor.start({write, ::fileno(file), 512, 0, out, 2, &client, 1});
    wait_for(1);
    EXPECT_EQ(client.done[0], (std::pair<std::uint32_t, long>{1, 8192}));
    reactor.start({sync, ::fileno(file), 0, 0, nullptr, 0, &client, 2});
    std::string back(4096, ' ');
    const iovec in{back.data(), back.size()};
    reactor.start({read, ::fileno(file), 512, 0, &in, 1, &client, 3});
    wait_for(3);
    EXPECT_EQ(back, std::string(4096, 'a'));
    reactor.start({read, ::fileno(file), 1 << 20, 0, &in, 1, &client, 4});
    wait_for(4);
    EXPECT_EQ(client.done[3].second, 0) << "beyond the end";
    reactor.start({discard, ::fileno(file), 0, 4096, nullptr, 0, &client, 5});
    wait_for(5);
    EXPECT_TRUE(client.done[4].second == 0 || client.done[4].second == -EOPNOTSUPP);
    reactor.start({read, -1, 0, 0, &in, 1, &client, 6});
    wait_for(6);
    EXPECT_EQ(client.done[5].second, -EBADF);
}

TEST_F(Reactor, TellsOfReadableDescriptorsUntilForgotten)
{
    reactor.arm(pipe_ends[0]);
    reactor.arm(pipe_ends[0]);
    EXPECT_TRUE(reactor.wait(1ms)->empty());
    ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
    std::vector<int> readable;
    for (int i = 0; i < 100 && readable.empty(); ++i)
        readable = *reactor.wait(10ms);
    EXPECT_EQ(readable, std::vector<int>{pipe_ends[0]});
    EXPECT_TRUE(reactor.wait(1ms)->empty()) << "it fires once";
    reactor.arm(pipe_ends[0]);
    reactor.forget(pipe_ends[0]);
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(reactor.wait(1ms)->empty());
}

TEST_F(Reactor, KeepsArmedWhatItIsToldToKeep)
{
    reactor.keep_armed(pipe_ends[0]);
    char byte = 0;
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(reactor.wait(1ms)->empty());
        ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
        std::vector<int> readable;
        for (int i = 0; i < 100 && readable.empty(); ++i)
            readable = *reactor.wait(10ms);
        EXPECT_EQ(readable, std::vector<int>{pipe_ends[0]});
        ASSERT_EQ(::read(pipe_ends[0], &byte, 1), 1);
        reactor.keep_armed(pipe_ends[0]);
    }
    reactor.forget(pipe_ends[0]);
    ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(reactor.wait(1ms)->empty());
    reactor.keep_armed(pipe_ends[0]);
    EXPECT_EQ(*reactor.wait(1s), std::vector<int>{pipe_ends[0]}) << "it was readable already";
}

TEST_F(Reactor, TakesMoreOperationsThanItHasEntries)
{
    std::string text(512, 'b');
    const iovec out{text.data(), text.size()};
    constexpr std::size_t many = 3000;
    for (std::uint32_t i = 0; i < many; ++i)
        reactor.start({block::DiskOperation::Kind::write, ::fileno(file), std::uint64_t{i} * 512, 0, &out, 1, &client, i});
    wait_for(many);
    for (const auto& [cookie, result] : client.done)
        ASSERT_EQ(result, 512);
}

}  // namespace
}  // namespace rf
