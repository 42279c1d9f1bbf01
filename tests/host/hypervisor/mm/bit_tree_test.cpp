// SPDX-License-Identifier: MIT
// The set behind the allocator's free blocks, in lock-step with an ordinary one, over limits around each change of its height.
#include "mm/bit_tree.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace {

using rf::mm::BitTree;

TEST(BitTree, AgreesWithAnOrdinarySet)
{
    std::mt19937_64 random{11};
    for (std::uint64_t const limit : {1ull, 2ull, 63ull, 64ull, 65ull, 4095ull, 4096ull, 4097ull, 262'143ull, 262'144ull, 300'000ull}) {
        std::vector<std::uint64_t> memory(BitTree::words(limit) + 1, 0);
        memory.back() = 0x5a5a;
        BitTree tree;
        tree.attach(memory.data(), limit);
        std::set<std::uint64_t> model;
        for (unsigned step = 0; step < 4000; ++step) {
            // Crowded in places, so that whole words fill up and empty.
            std::uint64_t const number = random() % 2 ? random() % limit : limit - 1 - random() % std::min(limit, std::uint64_t{80});
            if (model.contains(number) && random() % 3) {
                tree.remove(number);
                model.erase(number);
            } else if (!model.contains(number)) {
                tree.add(number);
                model.insert(number);
            }
            EXPECT_EQ(tree.contains(number), model.contains(number));
            std::uint64_t const from = random() % limit;
            if (auto const next = model.lower_bound(from); next != model.end()) {
                ASSERT_EQ(tree.first_from(from), *next) << "from " << from << " below " << limit;
            }
        }
        for (std::uint64_t const number : model)
            tree.remove(number);
        for (std::size_t word = 0; word + 1 < memory.size(); ++word)
            ASSERT_EQ(memory[word], 0u) << "something is left above";
        EXPECT_EQ(memory.back(), 0x5a5au) << "written beyond its memory";
        EXPECT_FALSE(tree.contains(limit));
    }
}

} // namespace
