// SPDX-License-Identifier: MIT
/// Story: a transaction must look as if it had run alone. Everything it read or wrote is compared at commit; if any of it has
/// changed the client gets EAGAIN and not one of its writes is visible. But two clients who touch different nodes, even in one
/// directory, must not disturb each other: that is what lets many domains be created at once.
#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

using TransactionTest = StoreTest;

TEST_F(TransactionTest, IsInvisibleUntilItCommits)
{
    Client other(server, server.connect_local());
    const std::uint32_t t = tools.start();
    EXPECT_EQ(tools.write("/a/b", "1", t), "OK");
    EXPECT_EQ(tools.read("/a/b", t), "1");
    EXPECT_EQ(tools.list("/a", t), "b");
    EXPECT_EQ(tools.read("/a/b"), "ENOENT");
    EXPECT_EQ(other.read("/a/b"), "ENOENT");
    EXPECT_EQ(tools.commit(t), "OK");
    EXPECT_EQ(other.read("/a/b"), "1");
    EXPECT_EQ(tools.commit(t), "ENOENT");
}

TEST_F(TransactionTest, AbortLeavesNothing)
{
    const std::string before = dump(server);
    const std::uint32_t t = tools.start();
    tools.write("/a", "1", t);
    EXPECT_EQ(tools.abort(t), "OK");
    EXPECT_EQ(dump(server), before);
}

// A commit that nothing came between hands over the private tree. Another transaction of the same start must notice it all the
// same, and what it gives must be what a replay gives: values, owners' usage, watches' events, one for each path.
TEST_F(TransactionTest, UndisturbedCommitCountsAsAnyOther)
{
    tools.write("/a/b", "0");
    Client watcher(server, server.connect_local());
    watcher.watch("/a", "t");
    watcher.events();
    const std::uint32_t first = tools.start();
    const std::uint32_t second = tools.start();
    tools.write("/a/b", "second", second);
    tools.write("/a/b", "first", first);
    tools.write("/a/new", "1", first);
    tools.write("/a/new", "2", first);
    EXPECT_EQ(tools.commit(first), "OK");
    EXPECT_EQ(tools.read("/a/b"), "first");
    EXPECT_EQ(tools.read("/a/new"), "2");
    EXPECT_EQ(watcher.events().size(), 2u);
    EXPECT_EQ(tools.commit(second), "EAGAIN");
    EXPECT_EQ(tools.read("/a/b"), "first");

    // Begun after it, and disturbed elsewhere: the log is replayed on what stands there now.
    const std::uint32_t third = tools.start();
    tools.write("/a/b", "third", third);
    tools.write("/c", "meanwhile");
    EXPECT_EQ(tools.commit(third), "OK");
    EXPECT_EQ(tools.read("/a/b"), "third");
    EXPECT_EQ(tools.read("/c"), "meanwhile");
}

TEST_F(TransactionTest, ConflictsOverWhatItRead)
{
    tools.write("/a", "0");
    const std::uint32_t t = tools.start();
    EXPECT_EQ(tools.read("/a", t), "0");
    EXPECT_EQ(tools.write("/b", "1", t), "OK");
    tools.write("/a", "changed");
    EXPECT_EQ(tools.commit(t), "EAGAIN");
    EXPECT_EQ(tools.read("/b"), "ENOENT");
}

TEST_F(TransactionTest, ConflictsOverWhatItWroteRemovedOrMissed)
{
    tools.write("/a", "0");
    const std::uint32_t writes = tools.start();
    tools.write("/a", "mine", writes);
    const std::uint32_t misses = tools.start();
    tools.read("/new", misses);
    const std::uint32_t removes = tools.start();
    tools.rm("/a", removes);
    const std::uint32_t chmods = tools.start();
    tools.chmod("/a", {"r0"}, chmods);
    tools.write("/a", "theirs");
    tools.write("/new", "theirs");
    EXPECT_EQ(tools.commit(writes), "EAGAIN");
    EXPECT_EQ(tools.commit(misses), "EAGAIN");
    EXPECT_EQ(tools.commit(removes), "EAGAIN");
    EXPECT_EQ(tools.commit(chmods), "EAGAIN");
    EXPECT_EQ(tools.read("/a"), "theirs");
}

TEST_F(TransactionTest, RemovedAndMadeAgainIsNotTheSame)
{
    tools.write("/a", "0");
    const std::uint32_t t = tools.start();
    tools.read("/a", t);
    tools.rm("/a");
    tools.write("/a", "0");
    EXPECT_EQ(tools.commit(t), "EAGAIN");
}

TEST_F(TransactionTest, ChildrenConflictOnlyWithThoseWhoListed)
{
    tools.mkdir("/dir");
    const std::uint32_t adds = tools.start();
    const std::uint32_t lists = tools.start();
    tools.write("/dir/mine", "1", adds);
    tools.list("/dir", lists);
    tools.write("/dir/theirs", "1");
    EXPECT_EQ(tools.commit(adds), "OK");
    EXPECT_EQ(tools.commit(lists), "EAGAIN");
    EXPECT_EQ(tools.list("/dir"), "mine,theirs");
}

TEST_F(TransactionTest, ManyDomainsCanBeCreatedAtOnce)
{
    std::vector<std::uint32_t> open;
    for (int i = 0; i < 50; ++i) {
        open.push_back(tools.start());
        const std::string home = "/local/domain/" + std::to_string(i + 1);
        tools.mkdir(home, open.back());
        tools.chmod(home, {"n" + std::to_string(i + 1)}, open.back());
        tools.write(home + "/name", "guest", open.back());
    }
    // Each of them would have made /local and /local/domain; only the first has to.
    for (const std::uint32_t t : open)
        EXPECT_EQ(tools.commit(t), "OK");
    EXPECT_EQ(server.tree().find("/local/domain")->children.size(), 50u);
    EXPECT_EQ(tools.perms("/local/domain/7/name"), "n7");
}

TEST_F(TransactionTest, WatchesFireAtCommitOncePerNode)
{
    tools.write("/gone", "1");
    tools.watch("/", "t");
    (void)tools.events();
    const std::uint32_t t = tools.start();
    tools.write("/a", "1", t);
    tools.write("/a", "2", t);
    tools.write("/b/c", "3", t);
    tools.rm("/gone", t);
    EXPECT_EQ(tools.events(), Events({}));
    EXPECT_EQ(tools.commit(t), "OK");
    EXPECT_EQ(tools.events(), Events({"/a|t", "/b/c|t", "/gone|t"}));
}

TEST_F(TransactionTest, RemoveAndRebuildInOneTransaction)
{
    tools.write("/a/old", "1");
    const std::uint32_t t = tools.start();
    tools.write("/a/b", "first", t);
    tools.rm("/a", t);
    tools.write("/a/b", "second", t);
    EXPECT_EQ(tools.commit(t), "OK");
    EXPECT_EQ(tools.list("/a"), "b");
    EXPECT_EQ(tools.read("/a/b"), "second");
}

TEST_F(TransactionTest, Misuse)
{
    EXPECT_EQ(tools.read("/a", 12345), "ENOENT");
    EXPECT_EQ(tools.write("/a", "1", 12345), "ENOENT");
    EXPECT_EQ(tools.commit(12345), "ENOENT");
    EXPECT_EQ(tools.commit(0), "ENOENT");
    const std::uint32_t t = tools.start();
    EXPECT_EQ(tools.call(Type::transaction_start, join({""}), t), "EBUSY");
    EXPECT_EQ(tools.call(Type::transaction_end, join({"X"}), t), "EINVAL");
    EXPECT_EQ(tools.call(Type::transaction_end, "T", t), "EINVAL");
    EXPECT_EQ(tools.commit(t), "OK");
    Client other(server, server.connect_local());
    const std::uint32_t theirs = other.start();
    EXPECT_EQ(tools.commit(theirs), "ENOENT");
}

TEST_F(TransactionTest, PermissionsHoldInside)
{
    Client five = guest(5);
    Client six = guest(6);
    const std::uint32_t t = six.start();
    EXPECT_EQ(six.write("/local/domain/5/x", "1", t), "EACCES");
    EXPECT_EQ(six.write("ok", "1", t), "OK");
    EXPECT_EQ(six.commit(t), "OK");
    EXPECT_EQ(six.read("ok"), "1");
    // Rights taken away meanwhile make the commit conflict, not slip through.
    tools.mkdir("/shared");
    tools.chmod("/shared", {"b0"});
    const std::uint32_t late = five.start();
    EXPECT_EQ(five.write("/shared/x", "1", late), "OK");
    tools.chmod("/shared", {"n0"});
    EXPECT_EQ(five.commit(late), "EAGAIN");
}

}  // namespace
}  // namespace rf::store
