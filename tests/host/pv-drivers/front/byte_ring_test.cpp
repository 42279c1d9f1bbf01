// SPDX-License-Identifier: MIT
// Story: bytes go through a ring whose other side may be slow, fast, or a liar.
#include <gtest/gtest.h>

#include "front/byte_ring.hpp"

namespace {

using namespace rf::front;

struct Page {
    char bytes[16] = {};
    std::uint32_t produced = 0;
    std::uint32_t consumed = 0;
};

TEST(ByteRing, CarriesBytesAroundTheEndAndAroundTheIndices)
{
    Page page;
    page.produced = page.consumed = 0xfffffff8;
    ByteRing<Side::producer, 16> writer{page.bytes, page.produced, page.consumed};
    ByteRing<Side::consumer, 16> reader{page.bytes, page.produced, page.consumed};
    std::string received;
    for (int round = 0; round < 10; ++round) {
        EXPECT_EQ(writer.put("hello, ring"), 11u);
        EXPECT_EQ(reader.used(), 0u) << "nothing is visible before it is published";
        writer.publish();
        EXPECT_EQ(writer.put("too much"), 5u);
        char room[32];
        EXPECT_EQ(reader.take(room), 11u);
        received.append(room, 11);
        reader.publish();
        writer.publish();
        EXPECT_EQ(reader.take(room), 5u);
        reader.publish();
    }
    EXPECT_EQ(received.substr(0, 22), "hello, ringhello, ring");
}

TEST(ByteRing, IsBrokenForGoodByAnImpossibleIndex)
{
    Page page;
    ByteRing<Side::consumer, 16> reader{page.bytes, page.produced, page.consumed};
    page.produced = 17;
    char room[32];
    EXPECT_EQ(reader.take(room), 0u);
    EXPECT_TRUE(reader.broken());
    page.produced = 1;
    EXPECT_EQ(reader.take(room), 0u);

    ByteRing<Side::producer, 16> writer{page.bytes, page.produced, page.consumed};
    page.consumed = 5;
    EXPECT_EQ(writer.put("x"), 0u);
    EXPECT_TRUE(writer.broken());
}

}  // namespace
