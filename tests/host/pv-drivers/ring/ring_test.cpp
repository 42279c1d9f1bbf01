// SPDX-License-Identifier: MIT
// Story: two sides share pages and do not trust each other.
//
// A well-behaved pair passes every request across exactly once, in order, whatever the interleaving, over the wrap of the
// 32-bit indices, with no wake-up lost and few sent. A hostile peer writes any index it likes at any time: the other side
// never reads outside the ring, never takes more than a ring holds, and gives the ring up for good.
#include "ring/back_ring.hpp"
#include "ring/front_ring.hpp"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace rf {
namespace {

using namespace rf::ring;

struct Message {
    std::uint32_t words[4];
};
using Back = BackRing<16>;
using Front = FrontRing<16>;

struct Page {
    alignas(64) std::array<std::byte, 4096> bytes{};

    std::uint32_t& word(std::size_t offset) { return *reinterpret_cast<std::uint32_t*>(bytes.data() + offset); }
    std::uint32_t& req_prod() { return word(0); }
    std::uint32_t& rsp_prod() { return word(8); }
    std::uint32_t& rsp_event() { return word(12); }
    void stand_at(std::uint32_t index)
    {
        word(0) = word(8) = index;
        word(4) = word(12) = index + 1;
    }
};

TEST(Ring, HasAsManyEntriesAsTheAbiSays)
{
    Page page;
    EXPECT_EQ(BackRing<112>(page.bytes).entries(), 32u);
    EXPECT_EQ(BackRing<12>(page.bytes).entries(), 256u);
    EXPECT_EQ(BackRing<8>(page.bytes).entries(), 256u);
    std::vector<std::byte> large(16 * 4096);
    EXPECT_EQ(BackRing<112>(large).entries(), 512u);
}

TEST(Ring, CarriesEachRequestOnceInOrderWithoutLosingAWakeUp)
{
    std::mt19937 random(1);
    Page page;
    Front front(page.bytes);
    Back back(page.bytes);
    std::uint32_t sent = 0, taken = 0, answered = 0, seen = 0;
    bool back_awake = false, front_awake = false;
    unsigned notifications = 0;
    constexpr std::uint32_t total = 20000;
    while (seen < total) {
        switch (random() % 4) {
        case 0: {
            for (unsigned burst = random() % 40; burst > 0 && sent < total; --burst) {
                if (!front.put(Message{{sent, ~sent, sent * 3, 7}}))
                    break;
                ++sent;
            }
            if (front.publish() == Notify::yes) {
                back_awake = true;
                ++notifications;
            }
            break;
        }
        case 1:
            for (unsigned burst = random() % 40; burst > 0 && back.waiting() != 0; --burst) {
                const auto request = back.take<Message>();
                ASSERT_EQ(request.words[0], taken);
                ASSERT_EQ(request.words[1], ~taken);
                ++taken;
            }
            back_awake = !back.may_sleep();
            break;
        case 2:
            for (unsigned burst = random() % 40; burst > 0 && answered < taken; --burst)
                back.put(Message{{answered++, 0, 0, 0}});
            if (back.publish() == Notify::yes)
                front_awake = true;
            break;
        case 3:
            for (unsigned burst = random() % 40; burst > 0 && front.waiting() != 0; --burst)
                ASSERT_EQ(front.take<Message>().words[0], seen++);
            front_awake = !front.may_sleep();
            break;
        }
        // A sleeping side that was not notified must have nothing to do.
        if (!back_awake) {
            ASSERT_EQ(back.waiting(), 0u) << "a wake-up of the backend was lost";
        }
        if (!front_awake) {
            ASSERT_EQ(front.waiting(), 0u) << "a wake-up of the frontend was lost";
        }
    }
    EXPECT_FALSE(front.broken());
    EXPECT_FALSE(back.broken());
    EXPECT_LT(notifications, total / 2) << "the hold-off does not hold anything off";
}

TEST(Ring, SleeperIsNotifiedExactlyAtTheEventIndex)
{
    Page page;
    Front front(page.bytes);
    Back back(page.bytes);
    ASSERT_TRUE(back.may_sleep());
    ASSERT_TRUE(front.put(Message{}));
    EXPECT_EQ(front.publish(), Notify::yes);
    ASSERT_TRUE(front.put(Message{}));
    EXPECT_EQ(front.publish(), Notify::no) << "it was told already";
    (void)back.take<Message>();
    (void)back.take<Message>();
    ASSERT_TRUE(back.may_sleep(3));
    ASSERT_TRUE(front.put(Message{}));
    ASSERT_TRUE(front.put(Message{}));
    EXPECT_EQ(front.publish(), Notify::no) << "three were asked for";
    ASSERT_TRUE(front.put(Message{}));
    EXPECT_EQ(front.publish(), Notify::yes);
    EXPECT_FALSE(back.may_sleep(3));
}

TEST(Ring, SurvivesTheWrapOfItsIndices)
{
    for (const std::uint32_t start : {0xfffffff0u, 0xffffffffu, 0x7fffffffu}) {
        Page page;
        page.stand_at(start);
        Back back(page.bytes);
        for (std::uint32_t round = 0; round < 100; ++round) {
            page.req_prod() += 5;
            ASSERT_EQ(back.waiting(), 5u);
            for (int i = 0; i < 5; ++i) {
                (void)back.take<Message>();
                back.put(Message{});
            }
            (void)back.publish();
            ASSERT_EQ(page.rsp_prod(), start + 5 * (round + 1));
        }
        EXPECT_FALSE(back.broken());
    }
}

TEST(Ring, HostileFrontendIsFoundOutAndNeverObeyed)
{
    std::mt19937 random(2);
    unsigned broken = 0;
    for (int round = 0; round < 20000; ++round) {
        Page page;
        const std::uint32_t start = random();
        page.stand_at(start);
        Back back(page.bytes);
        std::uint32_t honest = start;
        for (int step = 0; step < 20 && !back.broken(); ++step) {
            const std::uint32_t claim = random() % 3 == 0 ? random() : honest + random() % 8;
            page.req_prod() = claim;
            page.rsp_event() = random();
            const std::uint32_t waiting = back.waiting();
            ASSERT_LE(waiting + back.unanswered(), back.entries());
            const bool possible = claim - back.req_cons() <= back.entries() - back.unanswered();
            ASSERT_EQ(back.broken(), !possible);
            for (std::uint32_t i = 0; i < waiting; ++i)
                (void)back.take<Message>();
            honest = back.req_cons();
            for (std::uint32_t i = random() % (back.entries() + 4); i > 0; --i)
                back.put(Message{});  // more than were taken are ignored
            (void)back.publish();
            ASSERT_LE(back.unanswered(), back.entries());
        }
        broken += back.broken();
        if (back.broken()) {
            page.req_prod() = back.req_cons() + 1;
            ASSERT_EQ(back.waiting(), 0u) << "a broken ring stays broken";
        }
    }
    EXPECT_GT(broken, 1000u);
}

TEST(Ring, HostileBackendIsFoundOut)
{
    std::mt19937 random(3);
    for (int round = 0; round < 20000; ++round) {
        Page page;
        Front front(page.bytes);
        const std::uint32_t sent = random() % front.entries();
        for (std::uint32_t i = 0; i < sent; ++i)
            ASSERT_TRUE(front.put(Message{}));
        (void)front.publish();
        const std::uint32_t claim = random() % 2 == 0 ? random() : random() % (2 * front.entries());
        page.rsp_prod() = claim;
        const std::uint32_t waiting = front.waiting();
        ASSERT_EQ(front.broken(), claim > sent);
        ASSERT_EQ(waiting, claim > sent ? 0 : claim);
    }
}

TEST(Ring, TakesTheSlotAsItWasWhenItWasCopied)
{
    // The frontend rewrites the slot after it was taken; the copy keeps its value (XSA-155).
    Page page;
    Front front(page.bytes);
    Back back(page.bytes);
    ASSERT_TRUE(front.put(Message{{1, 2, 3, 4}}));
    (void)front.publish();
    const auto copy = back.take<Message>();
    page.word(64) = 99;
    EXPECT_EQ(copy.words[0], 1u);
}

}  // namespace
}  // namespace rf
