// SPDX-License-Identifier: MIT
/// Story: a RangeSet says what a domain may touch. It is compared, after every one of many random changes, with the
/// plainest possible set of numbers. A wrong merge, split or border would give a domain a port that it must not have, or
/// take one away; a change that is refused for lack of room must leave the set as it was.
#include "base/rights.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace rf {
namespace {

constexpr std::uint64_t numbers = 400;

class Model {
public:
    void add(std::uint64_t first, std::uint64_t last)
    {
        for (std::uint64_t n = first; n <= last; ++n)
            members_.insert(n);
    }
    void remove(std::uint64_t first, std::uint64_t last)
    {
        for (std::uint64_t n = first; n <= last; ++n)
            members_.erase(n);
    }
    bool contains(std::uint64_t first, std::uint64_t last) const
    {
        for (std::uint64_t n = first; n <= last; ++n)
            if (!members_.contains(n))
                return false;
        return true;
    }
    bool empty() const { return members_.empty(); }

private:
    std::set<std::uint64_t> members_;
};

void expect_same(RangeSet const& set, Model const& model)
{
    ASSERT_EQ(set.empty(), model.empty());
    for (std::uint64_t n = 0; n < numbers; ++n)
        ASSERT_EQ(set.contains(n, n), model.contains(n, n)) << "number " << n;
}

TEST(RangeSet, AgreesWithASetOfNumbersUnderRandomChanges)
{
    std::mt19937 random(20240817);
    for (unsigned round = 0; round < 40; ++round) {
        RangeSet set;
        Model model;
        unsigned refused = 0;
        for (unsigned step = 0; step < 300; ++step) {
            std::uint64_t const first = random() % numbers;
            std::uint64_t const last = std::min<std::uint64_t>(numbers - 1, first + random() % (round % 2 ? 3 : 40));
            bool const adding = random() % 2;
            Status const done = adding ? set.add(first, last) : set.remove(first, last);
            if (!done) {
                ASSERT_EQ(done.error(), Errno::enospc);
                ++refused;
            } else if (adding) {
                model.add(first, last);
            } else {
                model.remove(first, last);
            }
            expect_same(set, model);
            std::uint64_t const ask = random() % numbers;
            std::uint64_t const ask_last = std::min<std::uint64_t>(numbers - 1, ask + random() % 20);
            ASSERT_EQ(set.contains(ask, ask_last), model.contains(ask, ask_last));
        }
        ASSERT_LT(refused, 300u);
    }
}

TEST(RangeSet, ReachesTheEndsOfTheNumberLine)
{
    RangeSet set;
    ASSERT_TRUE(set.add(0, ~0ull));
    EXPECT_TRUE(set.contains(0, ~0ull));
    ASSERT_TRUE(set.remove(~0ull, ~0ull));
    EXPECT_FALSE(set.contains(~0ull, ~0ull));
    ASSERT_TRUE(set.add(~0ull, ~0ull));
    EXPECT_TRUE(set.contains(0, ~0ull));
    ASSERT_TRUE(set.remove(0, 0));
    EXPECT_FALSE(set.contains(0, 0));
    EXPECT_TRUE(set.contains(1, ~0ull));
}

TEST(RangeSet, RefusesBackwardRanges)
{
    RangeSet set;
    EXPECT_EQ(set.add(5, 4).error(), Errno::einval);
    ASSERT_TRUE(set.add(0, 10));
    EXPECT_EQ(set.remove(5, 4).error(), Errno::einval);
    EXPECT_FALSE(set.contains(5, 4));
}

TEST(RangeSet, KeepsItsContentsWhenFull)
{
    RangeSet set;
    std::uint64_t n = 0;
    while (set.add(n, n))
        n += 2;
    EXPECT_EQ(n, 128u); // 64 ranges
    EXPECT_FALSE(set.contains(n, n));
    EXPECT_TRUE(set.contains(n - 2, n - 2));
    EXPECT_TRUE(set.add(1, 1)); // joining neighbours needs no room
    EXPECT_TRUE(set.contains(0, 2));
}

} // namespace
} // namespace rf
