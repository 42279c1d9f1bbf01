// SPDX-License-Identifier: MIT
/// A frame remembers 26 bits of the flush clock. Claiming "flushed since" wrongly would let a domain keep reading a page
/// that was given to another, so across wraps of those bits the answer may err only towards another flush. The model
/// knows the true 64-bit moment.

#include "cpu/flush_clock.hpp"

#include <gtest/gtest.h>

#include <random>

namespace {

using rf::cpu::flushed_since;
using rf::cpu::latest_moment;

TEST(FlushClock, OrdinaryOrder)
{
    EXPECT_TRUE(flushed_since(11, 10, 12));
    EXPECT_FALSE(flushed_since(10, 10, 12)) << "the flush began when the stamp was taken: it may have come first";
    EXPECT_FALSE(flushed_since(9, 10, 12));
}

TEST(FlushClock, FramesNeverUsedNeedNoFlush)
{
    EXPECT_TRUE(flushed_since(1, 0, 1));
    EXPECT_TRUE(flushed_since(1, 0, 0x1234'5678'9abcull)) << "also when the clock has wrapped";
}

TEST(FlushClock, AfterTheStampWrapped)
{
    std::uint64_t const now = 0x400'0005;
    EXPECT_EQ(latest_moment(0x3ff'ffff, now), 0x3ff'ffffull);
    EXPECT_EQ(latest_moment(5, now), now);
    EXPECT_TRUE(flushed_since(0x400'0000, 0x3ff'fff0, now));
    EXPECT_FALSE(flushed_since(0x3ff'ffe0, 0x3ff'fff0, now));
}

TEST(FlushClock, NeverErrsTowardsStaleTranslations)
{
    std::mt19937_64 random(3);
    unsigned spared = 0;
    for (unsigned round = 0; round < 200000; ++round) {
        // Moments within a few wraps of each other, and often close together.
        std::uint64_t const now = 1 + random() % (5ull << 26);
        std::uint64_t const reach = 1ull << random() % 29;
        std::uint64_t const taken = now - std::min(now, random() % reach);
        std::uint64_t const flushed = now - std::min(now, random() % reach);
        auto const stamp = rf::cpu::stamp_of(taken);
        if (stamp == 0)
            continue; // never given out
        bool const answer = flushed_since(flushed, stamp, now);
        if (answer) {
            ++spared;
            ASSERT_GT(flushed, taken) << "now " << now;
        }
        if (flushed > taken && now - taken <= rf::cpu::stamp_mask) {
            ASSERT_TRUE(answer) << "a needless flush within one wrap";
        }
    }
    EXPECT_GT(spared, 10000u);
}

} // namespace
