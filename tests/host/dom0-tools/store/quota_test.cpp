// SPDX-License-Identifier: MIT
/// Story: a guest that writes, watches and starts transactions without end must run into its own limit and nobody else's.
/// Every kind of memory it can make the store hold is driven to its limit; then the guest cleans up, and must be exactly where
/// it was: a quota that leaks would in the end lock out an honest guest.
#include <random>

#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

using QuotaTest = StoreTest;

TEST_F(QuotaTest, Nodes)
{
    Client five = guest(5);
    const auto before = server.usage_of(5);
    int made = 0;
    while (five.mkdir("n/" + std::to_string(made)) == "OK" && made < 2000)
        ++made;
    EXPECT_EQ(made, 1000 - 2);  // its home and "n" count too
    EXPECT_EQ(five.mkdir("one-more"), "ENOSPC");
    EXPECT_EQ(five.mkdir("n/0"), "OK");
    Client six = guest(6);
    EXPECT_EQ(six.write("x", "1"), "OK");
    EXPECT_EQ(tools.write("/local/domain/5/by-tools", "domain 0 has no limit"), "OK");
    EXPECT_EQ(five.rm("n"), "OK");
    EXPECT_EQ(five.rm("by-tools"), "OK");
    EXPECT_EQ(server.usage_of(5), before);
}

TEST_F(QuotaTest, ValuePathAndPermissionSizes)
{
    Client five = guest(5);
    EXPECT_EQ(five.write("v", std::string(2048, 'x')), "OK");
    EXPECT_EQ(five.write("v", std::string(2049, 'x')), "ENOSPC");
    EXPECT_EQ(tools.write("/v", std::string(4000, 'x')), "OK");
    EXPECT_EQ(five.write(std::string(1024, 'p'), ""), "OK");
    EXPECT_EQ(five.write(std::string(1025, 'p'), ""), "EINVAL");
    EXPECT_EQ(five.chmod("v", {"n5", "r1", "r2", "r3", "r4"}), "OK");
    EXPECT_EQ(five.chmod("v", {"n5", "r1", "r2", "r3", "r4", "r6"}), "ENOSPC");
}

TEST_F(QuotaTest, Watches)
{
    Client five = guest(5);
    const auto before = server.usage_of(5);
    for (int i = 0; i < 100; ++i)
        ASSERT_EQ(five.watch("w", std::to_string(i)), "OK");
    EXPECT_EQ(five.watch("w", "one more"), "ENOSPC");
    EXPECT_EQ(five.unwatch("w", "7"), "OK");
    EXPECT_EQ(five.watch("w", "one more"), "OK");
    EXPECT_EQ(five.call(Type::reset_watches, join({""})), std::string("OK\0", 3));
    EXPECT_EQ(server.usage_of(5), before);
}

TEST_F(QuotaTest, TransactionsAndTheirRequests)
{
    Client five = guest(5);
    const auto before = server.usage_of(5);
    std::vector<std::uint32_t> open;
    for (int i = 0; i < 10; ++i)
        open.push_back(five.start());
    EXPECT_EQ(five.call(Type::transaction_start, join({""})), "ENOSPC");
    int done = 0;
    while (five.write("x", "1", open[0]) == "OK" && done < 5000)
        ++done;
    EXPECT_LE(done, 1024);
    EXPECT_GT(done, 1000);
    EXPECT_EQ(five.read("y", open[0]), "ENOSPC");
    for (const std::uint32_t id : open)
        EXPECT_EQ(five.abort(id), "OK");
    EXPECT_EQ(server.usage_of(5), before);
}

TEST_F(QuotaTest, BytesOverAllOfIt)
{
    Quota small;
    small.bytes = 20000;
    Server tight(small, gate);
    Client control(tight, tight.connect_local());
    control.mkdir("/local/domain/5");
    control.chmod("/local/domain/5", {"n5"});
    control.call(Type::introduce, join({"5", "1", "1"}));
    Client five(tight, tight.domains().served().at(5).connection);
    const auto before = tight.usage_of(5);
    int made = 0;
    while (five.write("v" + std::to_string(made), std::string(2000, 'x')) == "OK" && made < 100)
        ++made;
    EXPECT_GE(made, 8);
    EXPECT_LE(made, 10);
    EXPECT_EQ(five.watch("w", std::string(900, 't')), "ENOSPC");
    const std::uint32_t t = five.start();
    EXPECT_EQ(five.write("z", std::string(2000, 'x'), t), "ENOSPC");
    EXPECT_EQ(five.abort(t), "OK");
    for (int i = 0; i < made; ++i)
        EXPECT_EQ(five.rm("v" + std::to_string(i)), "OK");
    EXPECT_EQ(tight.usage_of(5), before);
}

TEST_F(QuotaTest, ACommitThatWouldExceedTheLimitChangesNothing)
{
    Client five = guest(5);
    for (int i = 0; i < 990; ++i)
        ASSERT_EQ(five.mkdir("n/" + std::to_string(i)), "OK");
    const std::uint32_t t = five.start();
    for (int i = 0; i < 8; ++i)
        ASSERT_EQ(five.mkdir("t/" + std::to_string(i), t), i < 7 ? "OK" : "ENOSPC");
    ASSERT_EQ(five.mkdir("other"), "OK");
    const std::string before = dump(server);
    EXPECT_EQ(five.commit(t), "ENOSPC");
    EXPECT_EQ(dump(server), before);
}

TEST_F(QuotaTest, AGuestThatTakesNoRepliesIsNotReadAnyMore)
{
    Client five = guest(5);
    int served = 0;
    while (server.accepts_requests(five.connection()) && served < 5000) {
        server.process(five.connection(), {Type::read, 1, 0, join({"x"})});
        ++served;
    }
    EXPECT_LE(served, 1024);
    EXPECT_TRUE(server.accepts_requests(tools.connection()));
    (void)five.events();
    EXPECT_TRUE(server.accepts_requests(five.connection()));
}

TEST_F(QuotaTest, AFloodOfEventsIsBounded)
{
    Client five = guest(5);
    ASSERT_EQ(five.watch("f", "t"), "OK");
    (void)five.events();
    for (int i = 0; i < 5000; ++i)
        tools.write("/local/domain/5/f/" + std::to_string(i % 2000), "x");
    EXPECT_LE(server.outbox(five.connection()).events(), 1024u);
    EXPECT_GT(server.outbox(five.connection()).lost_events(), 0u);
    EXPECT_LE(five.events().size(), 1024u);
}

TEST_F(QuotaTest, RandomWorkLeavesNoCharge)
{
    Client five = guest(5);
    const auto before = server.usage_of(5);
    std::mt19937 random(99);
    std::vector<std::uint32_t> open;
    for (int i = 0; i < 20000; ++i) {
        const std::string path = "r/" + std::to_string(random() % 8) + "/" + std::to_string(random() % 4);
        const std::uint32_t t = open.empty() || random() % 3 ? 0 : open[random() % open.size()];
        switch (random() % 8) {
        case 0: case 1: five.write(path, std::string(random() % 300, 'v'), t); break;
        case 2: five.rm(path, t); break;
        case 3: five.chmod(path, {"n5", "r6"}, t); break;
        case 4: five.watch(path, std::to_string(random() % 5)); break;
        case 5: five.unwatch(path, std::to_string(random() % 5)); break;
        case 6:
            if (open.size() < 5)
                open.push_back(five.start());
            break;
        case 7:
            if (!open.empty()) {
                random() % 2 ? five.commit(open.back()) : five.abort(open.back());
                open.pop_back();
            }
            break;
        }
    }
    five.call(Type::reset_watches, join({""}));
    five.rm("r");
    EXPECT_EQ(server.usage_of(5), before);
}

}  // namespace
}  // namespace rf::store
