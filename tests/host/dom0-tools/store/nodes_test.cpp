// SPDX-License-Identifier: MIT
/// Story: the node requests as Linux's xenbus driver, the xenstore-* tools and libxl use them, with the errors they rely on:
/// a missing node is ENOENT only to those who may look, creating a node creates its parents, removing what is not there is
/// fine if its parent is, a list that does not fit one message is E2BIG and can then be had in parts.
#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

using NodesTest = StoreTest;

TEST_F(NodesTest, WriteReadAndListWithImpliedParents)
{
    EXPECT_EQ(tools.write("/a/b/c", "value"), "OK");
    EXPECT_EQ(tools.read("/a/b/c"), "value");
    EXPECT_EQ(tools.read("/a/b"), "");
    EXPECT_EQ(tools.list("/a"), "b");
    EXPECT_EQ(tools.write("/a/aa", std::string("\0\xff\n", 3)), "OK");
    EXPECT_EQ(tools.read("/a/aa"), std::string("\0\xff\n", 3));
    EXPECT_EQ(tools.list("/a"), "aa,b");
    EXPECT_EQ(tools.list("/a/b/c"), "");
    EXPECT_EQ(tools.write("/a/b/c", ""), "OK");
    EXPECT_EQ(tools.read("/a/b/c"), "");
}

TEST_F(NodesTest, MissingNodes)
{
    EXPECT_EQ(tools.read("/none"), "ENOENT");
    EXPECT_EQ(tools.list("/none"), "ENOENT");
    EXPECT_EQ(tools.perms("/none"), "ENOENT");
    EXPECT_EQ(tools.chmod("/none", {"n0"}), "ENOENT");
    EXPECT_EQ(tools.rm("/none"), "OK");
    EXPECT_EQ(tools.rm("/none/below"), "ENOENT");
    EXPECT_EQ(tools.rm("/"), "EINVAL");
}

TEST_F(NodesTest, MkdirDoesNotTouchWhatExists)
{
    tools.write("/a", "kept");
    EXPECT_EQ(tools.mkdir("/a"), "OK");
    EXPECT_EQ(tools.read("/a"), "kept");
    EXPECT_EQ(tools.mkdir("/d/e"), "OK");
    EXPECT_EQ(tools.list("/d"), "e");
}

TEST_F(NodesTest, RemoveTakesEverythingBelow)
{
    tools.write("/a/b/c", "1");
    tools.write("/a/d", "2");
    EXPECT_EQ(tools.rm("/a"), "OK");
    EXPECT_EQ(tools.read("/a/b/c"), "ENOENT");
    EXPECT_EQ(tools.list("/"), "");
}

TEST_F(NodesTest, RelativePathsLieInTheHomeOfTheClient)
{
    Client guest5 = guest(5);
    EXPECT_EQ(guest5.write("data/x", "1"), "OK");
    EXPECT_EQ(tools.read("/local/domain/5/data/x"), "1");
    EXPECT_EQ(tools.write("mine", "2"), "OK");
    EXPECT_EQ(tools.read("/local/domain/0/mine"), "2");
}

TEST_F(NodesTest, MalformedRequestsAreRefused)
{
    EXPECT_EQ(tools.read("/a//b"), "EINVAL");
    EXPECT_EQ(tools.call(Type::read, "/a"), "EINVAL");
    EXPECT_EQ(tools.call(Type::read, join({"/a", "/b"})), "EINVAL");
    EXPECT_EQ(tools.call(Type::write, ""), "EINVAL");
    EXPECT_EQ(tools.call(Type::write, "/no-nul"), "EINVAL");
    EXPECT_EQ(tools.call(Type::set_perms, join({"/a"})), "EINVAL");
    EXPECT_EQ(tools.chmod("/", {"q0"}), "EINVAL");
    EXPECT_EQ(tools.call(Type::read, join({"@introduceDomain"})), "EINVAL");
    EXPECT_EQ(tools.call(static_cast<Type>(20), join({"x"})), "ENOSYS");
    EXPECT_EQ(tools.call(static_cast<Type>(0xffff), ""), "ENOSYS");
    EXPECT_EQ(tools.call(Type::watch_event, join({"/a", "t"})), "ENOSYS");
}

TEST_F(NodesTest, PermissionsDecideOverReadingAndWriting)
{
    Client five = guest(5);
    Client six = guest(6);
    EXPECT_EQ(five.write("secret", "s"), "OK");
    EXPECT_EQ(five.perms("secret"), "n5");
    EXPECT_EQ(six.read("/local/domain/5/secret"), "EACCES");
    EXPECT_EQ(six.write("/local/domain/5/secret", "x"), "EACCES");
    EXPECT_EQ(six.rm("/local/domain/5/secret"), "EACCES");
    EXPECT_EQ(six.perms("/local/domain/5/secret"), "EACCES");
    EXPECT_EQ(six.write("/local/domain/5/new", "x"), "EACCES");
    // Whether something exists is told only to those who may read where it would be.
    EXPECT_EQ(six.read("/local/domain/5/nothing"), "EACCES");
    EXPECT_EQ(five.chmod("secret", {"n5", "r6"}), "OK");
    EXPECT_EQ(six.read("/local/domain/5/secret"), "s");
    EXPECT_EQ(six.write("/local/domain/5/secret", "x"), "EACCES");
    EXPECT_EQ(five.chmod("secret", {"b5"}), "OK");
    EXPECT_EQ(six.write("/local/domain/5/secret", "x"), "OK");
    EXPECT_EQ(six.chmod("/local/domain/5/secret", {"b5", "b6"}), "EACCES");
}

TEST_F(NodesTest, OnlyThePrivilegedGiveNodesAway)
{
    Client five = guest(5);
    five.write("x", "1");
    EXPECT_EQ(five.chmod("x", {"n6"}), "EPERM");
    EXPECT_EQ(tools.chmod("/local/domain/5/x", {"n6", "r5"}), "OK");
    EXPECT_EQ(five.read("x"), "1");
    EXPECT_EQ(five.write("x", "2"), "EACCES");
}

TEST_F(NodesTest, ANewNodeBelongsToItsMakerAndTakesOverTheRest)
{
    Client five = guest(5);
    tools.mkdir("/shared");
    tools.chmod("/shared", {"b0", "r7"});
    EXPECT_EQ(five.write("/shared/mine", "1"), "OK");
    EXPECT_EQ(five.perms("/shared/mine"), "b5,r7");
    EXPECT_EQ(tools.write("/shared/ours", "1"), "OK");
    EXPECT_EQ(tools.perms("/shared/ours"), "b0,r7");
    EXPECT_EQ(tools.write("/local/domain/5/by-tools", "1"), "OK");
    EXPECT_EQ(tools.perms("/local/domain/5/by-tools"), "n5");
}

TEST_F(NodesTest, BigDirectoriesComeInParts)
{
    for (int i = 0; i < 600; ++i)
        tools.write("/big/child-" + std::to_string(1000 + i), "");
    EXPECT_EQ(tools.list("/big"), "E2BIG");

    std::string names;
    std::string generation;
    for (int parts = 1;; ++parts) {
        ASSERT_LT(parts, 10);
        const std::string part = tools.call(Type::directory_part, join({"/big", std::to_string(names.size())}));
        ASSERT_LE(part.size(), payload_max);
        const std::string seen = part.c_str();
        EXPECT_TRUE(generation.empty() || seen == generation);
        generation = seen;
        const std::string rest = part.substr(seen.size() + 1);
        if (rest.size() == 1 || rest.ends_with(std::string("\0\0", 2))) {
            names += rest.substr(0, rest.size() - 1);
            break;
        }
        names += rest;
    }
    EXPECT_EQ(split_strings(names)->size(), 600u);
    EXPECT_EQ(tools.call(Type::directory_part, join({"/big", std::to_string(names.size())})), generation + std::string("\0\0", 2));
    tools.write("/big/one-more", "");
    EXPECT_NE(tools.call(Type::directory_part, join({"/big", "0"})).c_str(), generation);
    EXPECT_EQ(tools.call(Type::directory_part, join({"/big", "x"})), "EINVAL");
    EXPECT_EQ(tools.call(Type::directory_part, join({"/none", "0"})), "ENOENT");
}

}  // namespace
}  // namespace rf::store
