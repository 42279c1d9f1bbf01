// SPDX-License-Identifier: MIT
/// Story: the other end of every ring is a guest that may write anything into its indices. Bytes must come through in order over
/// the wrap of the 32-bit index; an index that claims more than the ring holds is refused; nothing is told before `publish`.
#include <random>

#include <gtest/gtest.h>

#include "rpc/byte_ring.hpp"

namespace rf::rpc {
namespace {

class ByteRingTest : public ::testing::Test {
protected:
    static constexpr std::uint32_t start = 0xffffff00;  // wraps after 256 bytes
    char ring[64]{};
    std::uint32_t producer = start;
    std::uint32_t consumer = start;
    RingReader reader{ring, &producer, &consumer, start};
    RingWriter writer{ring, &producer, &consumer, start};
};

TEST_F(ByteRingTest, StreamsAcrossTheWrapOfTheIndex)
{
    std::mt19937 random(3);
    std::string sent;
    std::string received;
    while (sent.size() < 20000) {
        std::string part(random() % 80, '\0');
        for (char& c : part)
            c = static_cast<char>(random());
        const auto count = writer.put(part);
        ASSERT_TRUE(count);
        ASSERT_LE(*count, 64u);
        sent += part.substr(0, *count);
        writer.publish();
        const auto taken = reader.take(random() % 80);
        ASSERT_TRUE(taken);
        received += *taken;
        reader.publish();
        ASSERT_EQ(received, sent.substr(0, received.size()));
    }
    EXPECT_GT(received.size(), 19000u);
}

TEST_F(ByteRingTest, NothingIsToldBeforePublish)
{
    ASSERT_EQ(writer.put("hello"), 5u);
    EXPECT_EQ(producer, start);
    EXPECT_EQ(reader.take(10), "");
    EXPECT_TRUE(writer.publish());
    EXPECT_FALSE(writer.publish());
    EXPECT_EQ(reader.take(10), "hello");
    EXPECT_EQ(consumer, start);
    EXPECT_TRUE(reader.publish());
    EXPECT_EQ(consumer, start + 5);
    EXPECT_FALSE(reader.publish());
}

TEST_F(ByteRingTest, SenselessIndicesAreRefused)
{
    producer = start + 65;
    EXPECT_FALSE(reader.take(1));
    producer = start - 1;
    EXPECT_FALSE(reader.take(1));
    producer = start + 64;
    EXPECT_EQ(reader.take(100)->size(), 64u);
    consumer = start + 1;
    EXPECT_FALSE(writer.put("x"));
    consumer = start - 65;
    EXPECT_FALSE(writer.put("x"));
    consumer = start - 64;
    EXPECT_EQ(writer.put("x"), 0u);
}

TEST_F(ByteRingTest, TheSecondLookAfterPublish)
{
    ASSERT_EQ(writer.put(std::string(64, 'x')), 64u);
    writer.publish();
    EXPECT_FALSE(writer.has_room());
    EXPECT_TRUE(reader.has_more());
    EXPECT_EQ(reader.take(100)->size(), 64u);
    EXPECT_FALSE(reader.has_more());
    EXPECT_FALSE(writer.has_room());
    reader.publish();
    EXPECT_TRUE(writer.has_room());
}

TEST_F(ByteRingTest, OnesOwnIndexInThePageIsNotBelieved)
{
    producer = start + 4;
    std::memcpy(ring, "abcd", 4);
    EXPECT_EQ(reader.take(2), "ab");
    consumer = 12345;
    EXPECT_EQ(reader.take(2), "cd");
    reader.publish();
    EXPECT_EQ(consumer, start + 4);
}

}  // namespace
}  // namespace rf::rpc
