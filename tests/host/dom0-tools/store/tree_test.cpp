// SPDX-License-Identifier: MIT
/// Story: a transaction starts by copying the tree, which costs nothing because nodes are shared. That is only right if no
/// change to one copy is ever seen through another. Thirty copies of a tree are kept while all of them change at random; each
/// must go on looking exactly like the plain map that shadows it.
#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "store/tree.hpp"

namespace rf::store {
namespace {

Path path_of(const std::string& text)
{
    return *Path::parse(text, "");
}

std::map<std::string, std::string> contents(const Tree& tree)
{
    std::map<std::string, std::string> found;
    tree.visit([&](const Node& node, std::string_view path) { found[std::string(path)] = node.value; });
    return found;
}

TEST(TreeTest, FindsTheNearestAncestor)
{
    Tree tree;
    const auto permissions = owned_by({0, 0}, Access::none);
    tree.insert(path_of("/a"), "1", permissions, 1);
    tree.insert(path_of("/a/b"), "2", permissions, 2);
    EXPECT_EQ(tree.find("/a/b")->value, "2");
    EXPECT_EQ(tree.find("/a/c"), nullptr);
    EXPECT_EQ(tree.find("/"), &tree.root());
    EXPECT_EQ(tree.nearest("/a/b/c/d").path, "/a/b");
    EXPECT_EQ(tree.nearest("/x/y").path, "/");
    EXPECT_EQ(tree.nearest("/a/b").node, tree.find("/a/b"));
}

TEST(TreeTest, CopiesAreIndependent)
{
    struct Shadowed {
        Tree tree;
        std::map<std::string, std::string> model{{"/", ""}};
    };
    std::mt19937 random(7);
    std::vector<Shadowed> copies(1);
    const auto permissions = owned_by({0, 0}, Access::none);
    const char* names[] = {"a", "b", "c"};
    for (int step = 1; step < 20000; ++step) {
        Shadowed& one = copies[random() % copies.size()];
        if (step % 50 == 0) {
            const Shadowed copy = one;
            if (copies.size() < 30)
                copies.push_back(copy);
            else
                copies[random() % copies.size()] = copy;
            continue;
        }
        std::string text;
        for (unsigned depth = random() % 4 + 1; depth > 0; --depth)
            text += std::string("/") + names[random() % 3];
        const Path path = path_of(text);
        const bool exists = one.model.contains(text);
        if (random() % 4 == 0 && exists) {
            one.tree.remove(path, step);
            std::erase_if(one.model, [&](const auto& entry) { return path_of(entry.first).is_within(text); });
        } else if (exists) {
            one.tree.set_value(text, std::to_string(step), step);
            one.model[text] = std::to_string(step);
        } else if (one.model.contains(path.parent().text())) {
            one.tree.insert(path, std::to_string(step), permissions, step);
            one.model[text] = std::to_string(step);
        }
        ASSERT_EQ(contents(one.tree), one.model) << "step " << step;
    }
    for (const Shadowed& one : copies)
        EXPECT_EQ(contents(one.tree), one.model);
}

TEST(TreeTest, TheDeepestPathDoesNotExhaustTheStack)
{
    Tree tree;
    std::string text;
    const auto permissions = owned_by({0, 0}, Access::none);
    while (text.size() + 2 <= absolute_path_max) {
        text += "/x";
        tree.insert(path_of(text), "", permissions, 1);
    }
    int nodes = 0;
    tree.visit([&](const Node&, std::string_view) { ++nodes; });
    EXPECT_EQ(nodes, 1537);
    tree.remove(path_of("/x"), 2);
    EXPECT_TRUE(tree.root().children.empty());
}

// Children are compared by their first eight characters and only then by their text: names that are alike for so long, or end
// there, keep their order and are told apart.
TEST(TreeTest, TellsLongAndSimilarNamesApart)
{
    const std::vector<std::string> names{"1", "10", "A", "Z", "a", "abcdefg", "abcdefgh", "abcdefgh-", "abcdefgh0", "abcdefgha", "abcdefghab", "abcdefgi", "b", "zzzzzzzzz"};
    Tree tree;
    for (const std::size_t start : {5u, 0u})  // in another order than theirs
        for (std::size_t i = start; i < (start == 0 ? 5 : names.size()); ++i)
            tree.insert(*Path::parse("/" + names[i], {}), names[i], tree.root().permissions, 1);
    ASSERT_EQ(tree.root().children.size(), names.size());
    EXPECT_TRUE(std::is_sorted(tree.root().children.begin(), tree.root().children.end(), [](const auto& a, const auto& b) { return a->name < b->name; }));
    for (const std::string& name : names) {
        ASSERT_NE(tree.find("/" + name), nullptr) << name;
        EXPECT_EQ(tree.find("/" + name)->value, name);
        EXPECT_EQ(tree.find("/" + name + "!"), nullptr);
    }
    for (const char* missing : {"/abcdef", "/abcdefgh00", "/abcdefghb", "/zzzzzzzz", "/0"})
        EXPECT_EQ(tree.find(missing), nullptr) << missing;
    (void)tree.remove(*Path::parse("/abcdefgh0", {}), 2);
    EXPECT_EQ(tree.find("/abcdefgh0"), nullptr);
    EXPECT_NE(tree.find("/abcdefgha"), nullptr);
}

}  // namespace
}  // namespace rf::store
