// SPDX-License-Identifier: MIT
// Story: a guest with a rate limit sends as fast as it may, for simulated minutes; what gets through is the rate, plus one
// burst, however the sending is cut up.
#include "net/token_bucket.hpp"

#include <random>

#include <gtest/gtest.h>

namespace rf {
namespace {

using namespace rf::net;
using namespace std::chrono_literals;

TEST(TokenBucket, ReadsTheToolstacksWords)
{
    const auto rate = parse_rate("125000,50000");
    ASSERT_TRUE(rate);
    EXPECT_EQ(rate->bytes, 125000u);
    EXPECT_EQ(rate->interval, 50ms);
    for (const char* none : {"", "0,0", "0,50000", "1000,0", "1000", ",", "a,b", "-1,5", "1000,50000 ", "18446744073709551615,0",
                             "99999999999999999999,1", "1000,99999999999"})
        EXPECT_FALSE(parse_rate(none)) << none;
}

TEST(TokenBucket, WithoutRateTakesEverything)
{
    TokenBucket bucket;
    for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE(bucket.take(1 << 30, {}));
}

TEST(TokenBucket, LetsThroughTheRateAndOneBurst)
{
    std::mt19937 random(14);
    for (const Rate rate : {Rate{125000, 50ms}, Rate{1000, 1ms}, Rate{10'000'000, 1s}, Rate{7, 1000us}}) {
        TokenBucket::Clock::time_point now{};
        const auto start = now;
        TokenBucket bucket(rate, now);
        std::uint64_t sent = 0;
        unsigned waits = 0;
        while (now - start < 60s && sent < 2'000'000'000) {
            const std::uint64_t packet = 60 + random() % 65000;
            if (const auto taken = bucket.take(packet, now); taken) {
                sent += packet;
            } else {
                ASSERT_GT(taken.error(), now);
                now = taken.error();
                ++waits;
                ASSERT_TRUE(bucket.take(1, now)) << "at the time it names there is something";
                ++sent;
            }
        }
        const double seconds = std::chrono::duration<double>(now - start).count();
        const double allowed = seconds * static_cast<double>(rate.bytes) / std::chrono::duration<double>(rate.interval).count();
        EXPECT_LE(static_cast<double>(sent), allowed + static_cast<double>(std::max(rate.bytes, TokenBucket::least_burst)) + 70000);
        EXPECT_GE(static_cast<double>(sent), allowed * 0.98);
        EXPECT_GT(waits, 0u);
    }
}

TEST(TokenBucket, RestsFillItNoFurtherThanOneBurst)
{
    TokenBucket::Clock::time_point now{};
    TokenBucket bucket(Rate{1000, 1ms}, now);
    now += std::chrono::hours(24 * 365);
    EXPECT_TRUE(bucket.take(TokenBucket::least_burst, now));
    EXPECT_FALSE(bucket.take(1000, now));
}

}  // namespace
}  // namespace rf
