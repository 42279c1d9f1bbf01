// SPDX-License-Identifier: MIT
/// Story: drivers and toolstack find each other only through watches, so an event too few hangs a device and an event to the
/// wrong domain leaks what it does. Each rule of when a watch fires, and of who may hear it, is shown once.
#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

using WatchTest = StoreTest;

TEST_F(WatchTest, FiresOnceWhenSetThenForTheNodeAndAllBelow)
{
    EXPECT_EQ(tools.watch("/a", "t"), "OK");
    EXPECT_EQ(tools.events(), Events({"/a|t"}));
    tools.write("/a", "1");
    tools.write("/a/b/c", "2");
    tools.mkdir("/a/d");
    tools.chmod("/a/d", {"r0"});
    tools.write("/ab", "no");
    tools.mkdir("/a/d");
    EXPECT_EQ(tools.events(), Events({"/a|t", "/a/b/c|t", "/a/d|t", "/a/d|t"}));
    EXPECT_EQ(tools.unwatch("/a", "t"), "OK");
    tools.write("/a", "3");
    EXPECT_EQ(tools.events(), Events({}));
}

TEST_F(WatchTest, RemovalIsToldAboveAndBelow)
{
    tools.write("/a/b/c", "1");
    tools.watch("/a", "above");
    tools.watch("/a/b", "self");
    tools.watch("/a/b/c", "below");
    tools.watch("/a/b/never", "absent");
    (void)tools.events();
    tools.rm("/a/b");
    EXPECT_EQ(tools.events(), Events({"/a/b|self", "/a/b|above", "/a/b/c|below"}));
    tools.rm("/a/b");
    EXPECT_EQ(tools.events(), Events({}));
}

TEST_F(WatchTest, ARootWatchHearsEverything)
{
    tools.watch("/", "t");
    (void)tools.events();
    tools.write("/x/y", "1");
    EXPECT_EQ(tools.events(), Events({"/x/y|t"}));
}

TEST_F(WatchTest, RelativeWatchesGetRelativePaths)
{
    Client five = guest(5);
    five.watch("device", "d");
    five.watch("/local/domain/5/device", "D");
    EXPECT_EQ(five.events(), Events({"device|d", "/local/domain/5/device|D"}));
    tools.write("/local/domain/5/device/vif/0/state", "1");
    EXPECT_EQ(five.events(), Events({"device/vif/0/state|d", "/local/domain/5/device/vif/0/state|D"}));
}

TEST_F(WatchTest, DuplicatesAndStrangers)
{
    EXPECT_EQ(tools.watch("/a", "t"), "OK");
    EXPECT_EQ(tools.watch("/a", "t"), "EEXIST");
    EXPECT_EQ(tools.watch("/a", "u"), "OK");
    EXPECT_EQ(tools.unwatch("/a", "v"), "ENOENT");
    EXPECT_EQ(tools.unwatch("/b", "t"), "ENOENT");
    EXPECT_EQ(tools.watch("/a//b", "t"), "EINVAL");
    EXPECT_EQ(tools.call(Type::watch, join({"/only-path"})), "EINVAL");
}

TEST_F(WatchTest, NobodyHearsOfWhatHeMayNotRead)
{
    Client five = guest(5);
    Client six = guest(6);
    six.watch("/local/domain/5", "spy");
    six.watch("/", "all");
    (void)six.events();
    five.write("secret", "1");
    EXPECT_EQ(six.events(), Events({}));
    five.chmod("secret", {"n5", "r6"});
    EXPECT_EQ(six.events(), Events({"/local/domain/5/secret|spy", "/local/domain/5/secret|all"}));
    // Losing the right to read is still heard, and what follows is not.
    five.chmod("secret", {"n5"});
    EXPECT_EQ(six.events(), Events({"/local/domain/5/secret|spy", "/local/domain/5/secret|all"}));
    five.write("secret", "2");
    five.rm("secret");
    EXPECT_EQ(six.events(), Events({}));
}

TEST_F(WatchTest, PermissionIsCheckedWhenItFiresNotWhenItIsSet)
{
    Client five = guest(5);
    Client six = guest(6);
    six.watch("/local/domain/5/later", "t");
    EXPECT_EQ(six.events(), Events({"/local/domain/5/later|t"}));
    five.write("later", "1");
    EXPECT_EQ(six.events(), Events({}));
    five.chmod("later", {"r5"});
    five.write("later", "2");
    EXPECT_EQ(six.events(), Events({"/local/domain/5/later|t", "/local/domain/5/later|t"}));
}

TEST_F(WatchTest, DomainEventsReachThePrivilegedOnly)
{
    Client five = guest(5);
    EXPECT_EQ(tools.watch("@introduceDomain", "i"), "OK");
    EXPECT_EQ(tools.watch("@releaseDomain", "r"), "OK");
    EXPECT_EQ(five.watch("@introduceDomain", "i"), "OK");
    EXPECT_EQ(tools.events(), Events({"@introduceDomain|i", "@releaseDomain|r"}));
    EXPECT_EQ(five.events(), Events({"@introduceDomain|i"}));
    Client six = guest(6);
    EXPECT_EQ(tools.events(), Events({"@introduceDomain|i"}));
    EXPECT_EQ(five.events(), Events({}));
    // Domain 0 may open them to others.
    EXPECT_EQ(five.chmod("@introduceDomain", {"r0"}), "EACCES");
    EXPECT_EQ(tools.chmod("@introduceDomain", {"n0", "r5"}), "OK");
    EXPECT_EQ(tools.perms("@introduceDomain"), "n0,r5");
    Client seven = guest(7);
    EXPECT_EQ(five.events(), Events({"@introduceDomain|i"}));
}

TEST_F(WatchTest, ResetTakesWatchesAndTransactions)
{
    Client five = guest(5);
    five.watch("a", "t");
    const std::uint32_t t = five.start();
    EXPECT_EQ(five.call(Type::reset_watches, join({""})), std::string("OK\0", 3));
    (void)five.events();
    five.write("a", "1");
    EXPECT_EQ(five.events(), Events({}));
    EXPECT_EQ(five.commit(t), "ENOENT");
}

TEST_F(WatchTest, AClosedConnectionIsNotToldAnything)
{
    Client other(server, server.connect_local());
    other.watch("/a", "t");
    server.disconnect(other.connection());
    EXPECT_EQ(tools.write("/a", "1"), "OK");
}

}  // namespace
}  // namespace rf::store
