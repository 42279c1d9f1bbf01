// SPDX-License-Identifier: MIT
/// Story: replies must never be lost and events may not pile up. Bytes leave the outbox in any portions the ring allows, and the
/// stream must come out unbroken; when events pile up, repeats are folded first and only then are new ones lost.
#include <gtest/gtest.h>

#include "store/outbox.hpp"

namespace rf::store {
namespace {

TEST(OutboxTest, StreamIsTheSameHoweverItIsTaken)
{
    for (std::size_t step : {1u, 2u, 5u, 100u}) {
        Outbox box;
        std::string expected;
        for (int i = 0; i < 20; ++i) {
            const std::string text = "packet-" + std::to_string(i) + ";";
            i % 2 ? box.push_reply(text) : (void)box.push_event(text, 100);
            expected += text;
        }
        EXPECT_EQ(box.bytes(), expected.size());
        EXPECT_EQ(box.contents(), expected);
        std::string taken;
        while (!box.empty()) {
            const std::string part(box.front().substr(0, step));
            taken += part;
            box.consume(part.size());
            EXPECT_EQ(taken + box.contents(), expected);
        }
        EXPECT_EQ(taken, expected);
        EXPECT_EQ(box.bytes() + box.replies() + box.events(), 0u);
    }
}

TEST(OutboxTest, ConsumeMaySpanPackets)
{
    Outbox box;
    box.push_reply("abc");
    box.push_reply("def");
    box.consume(4);
    EXPECT_EQ(box.front(), "ef");
    EXPECT_EQ(box.replies(), 1u);
}

TEST(OutboxTest, RepeatsFoldBeforeAnythingIsLost)
{
    Outbox box;
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(box.push_event("same", 8), Outbox::Queued::yes);
    EXPECT_EQ(box.push_event("same", 8), Outbox::Queued::already_waiting);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(box.push_event(std::to_string(i), 8), Outbox::Queued::yes);
    EXPECT_EQ(box.push_event("new", 8), Outbox::Queued::lost);
    EXPECT_EQ(box.lost_events(), 1u);
    box.push_reply("always");
    EXPECT_EQ(box.replies(), 1u);
    // An event that is already on its way does not stand for one that comes later.
    box.consume(box.bytes());
    for (int i = 0; i < 4; ++i)
        (void)box.push_event(std::to_string(i), 8);
    (void)box.push_event("x", 8);
    box.consume(4);
    box.consume(1);
    EXPECT_EQ(box.push_event("x", 8), Outbox::Queued::yes);
}

}  // namespace
}  // namespace rf::store
