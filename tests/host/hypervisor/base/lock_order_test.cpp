// SPDX-License-Identifier: MIT
// Two CPUs that take the same locks in different orders stop each other for ever, once in a million runs. So the order is
// checked every time: whoever takes locks against it is told at once, on the first run.
#include "base/spinlock.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace rf {
namespace {

TEST(LockOrder, RanksThatGrowAreFine)
{
    Spinlock outer{LockRank::domain_control}, middle{LockRank::address_space}, inner{LockRank::console};
    LockGuard a(outer), b(middle), c(inner);
    EXPECT_TRUE(outer.is_locked() && middle.is_locked() && inner.is_locked());
}

TEST(LockOrder, EveryNeighbourOfTheListIsOrdered)
{
    for (unsigned rank = 0; rank < static_cast<unsigned>(LockRank::console); ++rank) {
        HeldLocks held;
        int low = 0, high = 0;
        ASSERT_TRUE(held.add(&low, static_cast<LockRank>(rank)));
        EXPECT_EQ(held.judge(&high, static_cast<LockRank>(rank + 1)), HeldLocks::Verdict::in_order);
        ASSERT_TRUE(held.remove(&low));
        ASSERT_TRUE(held.add(&high, static_cast<LockRank>(rank + 1)));
        EXPECT_EQ(held.judge(&low, static_cast<LockRank>(rank)), HeldLocks::Verdict::out_of_order);
    }
}

TEST(LockOrderDeath, AWrongOrderIsReported)
{
    Spinlock table{LockRank::grant_table}, space{LockRank::address_space};
    auto const wrong = [&] {
        LockGuard inner(space);
        LockGuard outer(table);
    };
    EXPECT_DEATH(wrong(), "locks are taken against their order");
}

TEST(LockOrderDeath, OneTooManyOfARankIsReportedWithoutAddressOrder)
{
    Spinlock pair[2]{Spinlock{LockRank::run_queue}, Spinlock{LockRank::run_queue}};
    {
        LockPair both(pair[1], pair[0]); // takes them by address, whichever way they are named
    }
    auto const wrong = [&] {
        LockGuard high(pair[1]);
        LockGuard low(pair[0]);
    };
    EXPECT_DEATH(wrong(), "locks are taken against their order");
}

TEST(LockOrderDeath, TakingALockTwiceIsReportedInsteadOfWaitingForEver)
{
    Spinlock lock{LockRank::device};
    auto const twice = [&] {
        LockGuard first(lock);
        LockGuard second(lock);
    };
    EXPECT_DEATH(twice(), "a lock is taken twice");
}

TEST(LockOrderDeath, GivingBackWhatIsNotHeldIsReported)
{
    Spinlock lock{LockRank::device};
    EXPECT_DEATH(lock.unlock(), "not held here");
}

TEST(LockOrder, WhatIsOnlyTriedMayBeOutOfOrder)
{
    Spinlock queue{LockRank::run_queue}, earlier{LockRank::event_table};
    LockGuard guard(queue);
    ASSERT_TRUE(earlier.try_lock());
    EXPECT_FALSE(earlier.try_lock());
    earlier.unlock();
    ASSERT_TRUE(earlier.try_lock());
    earlier.unlock();
}

TEST(LockOrder, ThreadsAreJudgedApart)
{
    Spinlock early{LockRank::domain_control}, late{LockRank::console};
    LockGuard guard(late);
    std::thread([&] { LockGuard other(early); }).join();
    EXPECT_FALSE(early.is_locked());
}

TEST(LockOrder, ATriedLockSeesWhatTheLastHolderWrote)
{
    // The plain counter is data that only the lock protects: ThreadSanitizer, or a lost step, shows a missing acquire.
    Spinlock lock{LockRank::device};
    std::uint64_t counter = 0;
    constexpr std::uint64_t rounds = 20'000;
    auto const work = [&] {
        for (std::uint64_t done = 0; done < rounds;) {
            if (!lock.try_lock())
                continue;
            ++counter, ++done;
            lock.unlock();
        }
    };
    std::thread other(work);
    work();
    other.join();
    EXPECT_EQ(counter, 2 * rounds);
}

} // namespace
} // namespace rf
