// SPDX-License-Identifier: MIT
/// Story: two domains do random things with their channels for a long time, and a model written with maps and deques, far
/// from the real structures, does the same. After every step the answers must agree; whenever a guest takes its
/// events they must come in the model's order; one port after each step, and now and then all, are compared down to the bits
/// in memory that the guest shares. A difference is printed with its step; the seeds are fixed.
#include "model.hpp"

namespace rf::event_tests {
namespace {

TEST(EventModel, TwoLevel)
{
    for (unsigned seed : {1u, 2u, 3u, 4u}) {
        Walk walk(seed, Abi::two_level);
        walk.run(20000);
        ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
    }
}

TEST(EventModel, Fifo)
{
    for (unsigned seed : {11u, 12u, 13u, 14u}) {
        Walk walk(seed, Abi::fifo);
        walk.run(20000);
        ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
    }
}

} // namespace
} // namespace rf::event_tests
