// SPDX-License-Identifier: MIT
// Story: the process's one ring does disk work and waits for descriptors, on the real io_uring of this machine, restricted
// as the confined process has it.
#include "bin/rf-backd/reactor.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/socket.h>
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
    std::vector<std::byte> memory = std::vector<std::byte>(3 * 4096);
    std::span<std::byte> offered = std::span(memory).subspan(100, 2 * 4096);
    std::FILE* file = std::tmpfile();
    int pipe_ends[2] = {-1, -1};

    void SetUp() override
    {
        const auto opened = reactor.open();
        if (!opened && opened.error().code != ENOSYS && opened.error().code != EPERM)
            FAIL() << opened.error().text();
        if (!opened)
            GTEST_SKIP() << "this machine has no io_uring for us: " << opened.error().text();
        reactor.offer(offered);
        ASSERT_TRUE(reactor.restrict());
        ASSERT_EQ(::pipe(pipe_ends), 0);
    }
    void TearDown() override
    {
        std::fclose(file);
        ::close(pipe_ends[0]);
        ::close(pipe_ends[1]);
    }
    std::vector<int> heard(std::chrono::microseconds limit)
    {
        const auto readable = reactor.wait(limit);
        EXPECT_TRUE(readable);
        return {readable->begin(), readable->end()};
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
    const auto out = std::as_writable_bytes(std::span(text));
    using enum block::DiskOperation::Kind;
    reactor.start({write, ::fileno(file), 512, 0, out, &client, 1});
    wait_for(1);
    EXPECT_EQ(client.done[0], (std::pair<std::uint32_t, long>{1, 8192}));
    reactor.start({sync, ::fileno(file), 0, 0, {}, &client, 2});
    std::string back(4096, ' ');
    const auto in = std::as_writable_bytes(std::span(back));
    reactor.start({read, ::fileno(file), 512, 0, in, &client, 3});
    wait_for(3);
    EXPECT_EQ(back, std::string(4096, 'a'));
    reactor.start({read, ::fileno(file), 1 << 20, 0, in, &client, 4});
    wait_for(4);
    EXPECT_EQ(client.done[3].second, 0) << "beyond the end";
    reactor.start({discard, ::fileno(file), 0, 4096, {}, &client, 5});
    wait_for(5);
    EXPECT_TRUE(client.done[4].second == 0 || client.done[4].second == -EOPNOTSUPP);
    reactor.start({read, -1, 0, 0, in, &client, 6});
    wait_for(6);
    EXPECT_EQ(client.done[5].second, -EBADF);
}

TEST_F(Reactor, MemoryThatIsUsedOftenIsPinnedAndGoesOnWorking)
{
    using enum block::DiskOperation::Kind;
    const auto first = offered.first(512);
    const auto last = offered.last(512);
    for (std::uint32_t i = 0; i < 64; ++i) {
        std::ranges::fill(first, static_cast<std::byte>(i));
        reactor.start({write, ::fileno(file), std::uint64_t{i} * 512, 0, first, &client, 3 * i});
        wait_for(3 * i + 1);
        EXPECT_EQ(reactor.pinned_areas(), 2 * i + 1 < 16 ? 0u : 1u) << "when 8 KiB have passed through 8 KiB";
        reactor.start({read, ::fileno(file), std::uint64_t{i} * 512, 0, last, &client, 3 * i + 1});
        wait_for(3 * i + 2);
        ASSERT_TRUE(std::ranges::equal(first, last)) << "round " << i;
        reactor.start({write, ::fileno(file), 1 << 20, 0, std::span(memory).first(64), &client, 3 * i + 2});
        wait_for(3 * i + 3);
    }
    for (const auto& [cookie, result] : client.done)
        EXPECT_EQ(result, cookie % 3 == 2 ? 64 : 512) << "memory beside it is used as ever";
}

// A pair of datagram sockets takes the tap's place: it keeps packets apart, has them in order, and does not block.
TEST_F(Reactor, CarriesPacketsInOrderBeforeAndAfterTheirMemoryIsPinned)
{
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    for (unsigned round = 0; round < 20; ++round) {
        std::vector<net::Transfer> out, in;
        for (unsigned i = 0; i < 4; ++i) {
            out.push_back({offered.subspan(i * 1000, 600 + i)});
            std::ranges::fill(out.back().framed, static_cast<std::byte>(round * 4 + i));
            in.push_back({offered.subspan(4000 + i * 800, 800)});
        }
        in.push_back({offered.subspan(7200, 800)});
        reactor.start({block::DiskOperation::Kind::write, ::fileno(file), 0, 0, out[0].framed, &client, round});
        reactor.write(ends[0], out);
        reactor.read(ends[1], in, round % 6);
        for (unsigned i = 0; i < 4; ++i) {
            ASSERT_EQ(out[i].result, 600 + i) << "round " << round;
            ASSERT_EQ(in[i].result, 600 + i) << "round " << round;
            ASSERT_TRUE(std::ranges::equal(offered.subspan(4000 + i * 800, 600 + i), out[i].framed));
        }
        EXPECT_EQ(in[4].result, -EAGAIN) << "there is no fifth";
        EXPECT_TRUE(client.done.size() <= round) << "nobody is called from within";
        wait_for(round + 1);
    }
    EXPECT_EQ(reactor.pinned_areas(), 1u);
    for (const auto& [cookie, result] : client.done)
        EXPECT_EQ(result, 600);
    // A full link loses packets; nobody waits for room on it.
    std::vector<net::Transfer> flood(200, net::Transfer{offered.first(3000)});
    for (unsigned i = 0; i < 5; ++i)
        reactor.write(ends[0], flood);
    EXPECT_EQ(flood.back().result, -EAGAIN);
    net::Transfer none{offered.first(600)};
    reactor.read(ends[0], std::span(&none, 1), 1);
    EXPECT_EQ(none.result, -EAGAIN) << "nor for a packet";
    net::Transfer one{offered.first(600)};
    reactor.write(-1, std::span(&one, 1));
    EXPECT_EQ(one.result, -EBADF);
    net::Transfer several[] = {{offered.first(3000)}, {offered.first(3000)}};
    reactor.write(-1, several);
    EXPECT_EQ(several[1].result, -EBADF);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_F(Reactor, TellsOfReadableDescriptorsUntilForgotten)
{
    reactor.arm(pipe_ends[0]);
    reactor.arm(pipe_ends[0]);
    EXPECT_TRUE(reactor.wait(1ms)->empty());
    ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
    std::vector<int> readable;
    for (int i = 0; i < 100 && readable.empty(); ++i)
        readable = heard(10ms);
    EXPECT_EQ(readable, std::vector<int>{pipe_ends[0]});
    EXPECT_TRUE(reactor.wait(1ms)->empty()) << "it fires once";
    reactor.arm(pipe_ends[0]);
    reactor.forget(pipe_ends[0]);
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(reactor.wait(1ms)->empty());
    reactor.arm(pipe_ends[0]);
    EXPECT_EQ(heard(1s), std::vector<int>{pipe_ends[0]}) << "it was readable already";
}

TEST_F(Reactor, TakesMoreOperationsThanItHasEntries)
{
    std::string text(512, 'b');
    const auto out = std::as_writable_bytes(std::span(text));
    constexpr std::size_t many = 3000;
    for (std::uint32_t i = 0; i < many; ++i)
        reactor.start({block::DiskOperation::Kind::write, ::fileno(file), std::uint64_t{i} * 512, 0, out, &client, i});
    wait_for(many);
    for (const auto& [cookie, result] : client.done)
        ASSERT_EQ(result, 512);
}

}  // namespace
}  // namespace rf
