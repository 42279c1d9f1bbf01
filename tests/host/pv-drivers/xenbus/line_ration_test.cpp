// SPDX-License-Identifier: MIT
#include "xenbus/line_ration.hpp"

#include <gtest/gtest.h>

namespace rf::xenbus {
namespace {

using namespace std::chrono_literals;

struct RationedLines : testing::Test {
    LineRation ration{3, 10s};
    LineRation::Clock::time_point now{1h};

    /// How many of so many lines are told at once.
    unsigned told(unsigned lines)
    {
        unsigned count = 0;
        for (unsigned i = 0; i < lines; ++i)
            count += ration.tell("line", now).has_value();
        return count;
    }
};

TEST_F(RationedLines, SomeAtOnceThenOneForEachPause)
{
    EXPECT_EQ(told(100), 3u);
    now += 9s;
    EXPECT_EQ(told(100), 0u);
    now += 1s;
    EXPECT_EQ(told(100), 1u);
    now += 25s;
    EXPECT_EQ(told(100), 2u);
    now += 5s;
    EXPECT_EQ(told(100), 1u) << "half a pause was left over";
    now += 24h;
    EXPECT_EQ(told(100), 3u) << "never more than that at once";
}

TEST_F(RationedLines, TheNextLineTellsWhatWasLeftOut)
{
    EXPECT_EQ(told(7), 3u);
    now += 10s;
    EXPECT_EQ(ration.tell("the disk fails", now), "the disk fails (4 lines since the last one were left out)");
    now += 10s;
    EXPECT_EQ(ration.tell("the disk fails", now), "the disk fails");
}

TEST_F(RationedLines, AClockThatGoesBackGivesNothing)
{
    EXPECT_EQ(told(3), 3u);
    now -= 30min;
    EXPECT_EQ(told(1), 0u);
}

}  // namespace
}  // namespace rf::xenbus
