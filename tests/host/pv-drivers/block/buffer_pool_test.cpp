// SPDX-License-Identifier: MIT
// Story: requests of all sizes take neighbouring pages and give them back in any order. No two hold the same page, no run
// crosses from one area into the next, and at the end everything is free again.
#include "block/buffer_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace rf {
namespace {

using block::BufferPool;
constexpr std::uint32_t pages = BufferPool::small_area + 2 * BufferPool::large_area + 10;

TEST(BufferPool, TakesFromTheLowestPlaceThatHasRoom)
{
    BufferPool pool = *BufferPool::create(pages);
    EXPECT_EQ(pool.take(1)->first, 0u);
    EXPECT_EQ(pool.take(60)->first, 1u);
    EXPECT_EQ(pool.take(4)->first, BufferPool::small_area) << "three pages are left before it";
    EXPECT_EQ(pool.take(3)->first, 61u);
    pool.give({1, 60});
    EXPECT_EQ(pool.take(8)->first, 1u);
    pool.give({0, 1});
    EXPECT_EQ(pool.take(2)->first, 9u) << "a hole of one page holds no two";
}

TEST(BufferPool, TheLargestRequestFitsWhileAnAreaIsFree)
{
    BufferPool pool = *BufferPool::create(pages);
    const auto first = pool.take(BufferPool::large_area);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->first, BufferPool::small_area);
    const auto second = pool.take(BufferPool::large_area);
    ASSERT_TRUE(second);
    EXPECT_FALSE(pool.take(BufferPool::large_area));
    EXPECT_EQ(pool.free_pages(), BufferPool::small_area + 10u);
    pool.give(*first);
    EXPECT_TRUE(pool.take(BufferPool::large_area));
}

TEST(BufferPool, ARequestWithoutDataNeedsNoPage)
{
    BufferPool pool = *BufferPool::create(pages);
    ASSERT_TRUE(pool.take(pages - 10 - 2 * BufferPool::large_area));
    const auto none = pool.take(0);
    ASSERT_TRUE(none);
    EXPECT_EQ(none->pages, 0u);
    pool.give(*none);
    EXPECT_EQ(pool.free_pages(), pages - BufferPool::small_area);
}

TEST(BufferPool, NobodyGetsWhatAnotherHolds)
{
    std::mt19937 random(7);
    BufferPool pool = *BufferPool::create(pages);
    const auto areas = pool.areas();
    std::vector<BufferPool::Run> held;
    std::set<std::uint32_t> taken;
    for (int step = 0; step < 20'000; ++step) {
        if (held.empty() || random() % 2 == 0) {
            const std::uint32_t wanted = 1 + random() % (random() % 8 == 0 ? BufferPool::large_area : 20);
            const auto run = pool.take(wanted);
            if (!run)
                continue;
            ASSERT_EQ(run->pages, wanted);
            for (std::uint32_t page = run->first; page < run->first + run->pages; ++page)
                ASSERT_TRUE(taken.insert(page).second) << "page " << page << " was somebody's";
            const auto bytes = pool.bytes(*run);
            ASSERT_TRUE(std::ranges::any_of(areas, [&](const auto& area) {
                return bytes.data() >= area.data() && bytes.data() + bytes.size() <= area.data() + area.size();
            }));
            bytes.front() = bytes.back() = std::byte{1};
            held.push_back(*run);
        } else {
            std::swap(held[random() % held.size()], held.back());
            pool.give(held.back());
            for (std::uint32_t page = held.back().first; page < held.back().first + held.back().pages; ++page)
                taken.erase(page);
            held.pop_back();
        }
        ASSERT_EQ(pool.free_pages(), pages - taken.size());
    }
    for (const BufferPool::Run run : held)
        pool.give(run);
    EXPECT_EQ(pool.free_pages(), pages);
}

}  // namespace
}  // namespace rf
