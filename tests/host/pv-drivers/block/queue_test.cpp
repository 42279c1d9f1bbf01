// SPDX-License-Identifier: MIT
// Story: a guest uses its disk, honestly or not, and its backend dies in the middle.
//
// The guest side is a real frontend ring over pages it grants; the disk is one that answers when told, in any order, in
// parts, with errors. Whatever happens, each request gets exactly one answer, the data is where it belongs, and nothing of
// the guest stays mapped or taken.
#include "block/queue.hpp"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "block/fake_disk.hpp"
#include "fake_guest.hpp"
#include "ring/front_ring.hpp"

namespace rf {
namespace {

using namespace rf::block;
using rf::test::FakeDisk;
using rf::test::FakeGuest;

constexpr std::uint32_t ring_ref = 1;
constexpr std::uint32_t first_data_page = 8;
constexpr DiskFacts facts{.sectors = 8192, .discard_granularity = 4096};

class BlockQueue : public testing::Test {
protected:
    FakeGuest guest{400};
    xen::GrantMapper mapper = *xen::GrantMapper::open(guest);
    xen::EventChannels events = *xen::EventChannels::open(guest);
    BufferPool pool = *BufferPool::create(320);
    FakeDisk disk{facts.sectors};
    ring::FrontRing<112> front{guest.page(0)};
    std::vector<std::byte> memory = std::vector<std::byte>(QueueJournal::bytes(32));
    std::unique_ptr<Queue> queue;
    std::map<std::uint64_t, int> answers;  ///< status by id

    void SetUp() override
    {
        guest.grant(ring_ref, 0);
        for (std::uint32_t i = first_data_page; i < 400; ++i)
            guest.grant(100 + i, i);
        make();
        queue->start_fresh();
    }

    void make()
    {
        QueueConnection connection{*mapper.map(FakeGuest::domain, xen::GrantRef(ring_ref), xen::Access::read_write),
                                   *events.bind_interdomain(FakeGuest::domain, xen::RemotePort(3))};
        queue = std::make_unique<Queue>(Doors{mapper, events, pool, disk}, FakeGuest::domain, 9, facts, std::move(connection),
                                        QueueJournal(memory));
    }

    static RawRequest transfer(std::uint8_t operation, std::uint64_t id, std::uint64_t sector, std::uint32_t page,
                               unsigned pages = 1)
    {
        RawRequest raw{};
        raw.operation = operation;
        raw.id = id;
        raw.sector_number = sector;
        raw.nr_segments = static_cast<std::uint8_t>(pages);
        for (unsigned i = 0; i < pages; ++i)
            raw.seg[i] = {100 + page + i, 0, 7};
        return raw;
    }
    void submit(const RawRequest& raw)
    {
        ASSERT_TRUE(front.put(raw));
        (void)front.publish();
    }
    void fill(std::uint32_t page, int value) { std::memset(guest.page(page).data(), value, 4096); }
    void collect()
    {
        while (front.waiting() != 0) {
            const auto response = front.take<::xen::blkif_response>();
            EXPECT_FALSE(answers.contains(response.id)) << "request " << response.id << " is answered twice";
            answers[response.id] = response.status;
        }
    }
    /// Turns and disk operations until nothing moves.
    void settle()
    {
        for (int i = 0; i < 100; ++i) {
            (void)queue->turn();
            if (disk.waiting.empty() && queue->at_rest())
                break;
            disk.run_all();
        }
        (void)queue->turn();
        collect();
    }
};

TEST_F(BlockQueue, WritesAndReadsBack)
{
    for (unsigned i = 0; i < 11; ++i)
        fill(10 + i, 0x40 + static_cast<int>(i));
    submit(transfer(::xen::BLKIF_OP_WRITE, 1, 80, 10, 11));
    settle();
    EXPECT_EQ(answers.at(1), 0);
    EXPECT_EQ(disk.bytes[80 * 512], std::byte{0x40});
    EXPECT_EQ(disk.bytes[(80 + 11 * 8) * 512 - 1], std::byte{0x4a});
    submit(transfer(::xen::BLKIF_OP_READ, 2, 80, 30, 11));
    settle();
    EXPECT_EQ(answers.at(2), 0);
    for (unsigned i = 0; i < 11; ++i)
        EXPECT_EQ(std::memcmp(guest.page(10 + i).data(), guest.page(30 + i).data(), 4096), 0);
    EXPECT_EQ(guest.notified.size(), 1u);
    EXPECT_EQ(pool.free_pages(), 320u);
    EXPECT_EQ(guest.map_calls, 1u) << "only the ring is mapped";
}

TEST_F(BlockQueue, TouchesOnlyTheSectorsOfAPage)
{
    fill(10, 0xee);
    RawRequest raw = transfer(::xen::BLKIF_OP_READ, 1, 0, 10);
    raw.seg[0] = {110, 2, 3};
    std::memset(disk.bytes.data(), 0x11, 1024);
    submit(raw);
    settle();
    EXPECT_EQ(answers.at(1), 0);
    EXPECT_EQ(guest.page(10)[1023], std::byte{0xee});
    EXPECT_EQ(guest.page(10)[1024], std::byte{0x11});
    EXPECT_EQ(guest.page(10)[2047], std::byte{0x11});
    EXPECT_EQ(guest.page(10)[2048], std::byte{0xee});
}

TEST_F(BlockQueue, CarriesOutIndirectRequests)
{
    ::xen::blkif_request_indirect indirect{};
    indirect.operation = ::xen::BLKIF_OP_INDIRECT;
    indirect.indirect_op = ::xen::BLKIF_OP_WRITE;
    indirect.nr_segments = 256;
    indirect.id = 5;
    indirect.sector_number = 1000;
    indirect.indirect_grefs[0] = 100 + 8;
    auto* segments = reinterpret_cast<RawSegment*>(guest.page(8).data());
    for (std::uint32_t i = 0; i < 256; ++i) {
        fill(10 + i, static_cast<int>(i));
        segments[i] = {100 + 10 + i, 0, 7};
    }
    RawRequest raw{};
    std::memcpy(&raw, &indirect, sizeof indirect);
    submit(raw);
    settle();
    EXPECT_EQ(answers.at(5), 0);
    for (std::uint32_t i = 0; i < 256; ++i)
        ASSERT_EQ(disk.bytes[(1000 + i * 8) * 512 + 17], static_cast<std::byte>(i));
    segments[100].last_sect = 8;
    indirect.id = 6;
    std::memcpy(&raw, &indirect, sizeof indirect);
    submit(raw);
    indirect.id = 7;
    indirect.indirect_grefs[0] = 9999;
    std::memcpy(&raw, &indirect, sizeof indirect);
    submit(raw);
    settle();
    EXPECT_EQ(answers.at(6), -1);
    EXPECT_EQ(answers.at(7), -1) << "no such page";
}

TEST_F(BlockQueue, BadGrantFailsItsRequestOnly)
{
    fill(10, 1);
    fill(11, 2);
    submit(transfer(::xen::BLKIF_OP_WRITE, 1, 0, 10));
    RawRequest bad = transfer(::xen::BLKIF_OP_WRITE, 2, 8, 11);
    bad.seg[0].gref = 5555;
    submit(bad);
    bad.id = 3;
    bad.operation = ::xen::BLKIF_OP_READ;
    submit(bad);
    submit(transfer(::xen::BLKIF_OP_WRITE, 4, 16, 11));
    settle();
    EXPECT_EQ(answers, (std::map<std::uint64_t, int>{{1, 0}, {2, -1}, {3, -1}, {4, 0}}));
    EXPECT_EQ(disk.bytes[16 * 512], std::byte{2});
    EXPECT_EQ(pool.free_pages(), 320u);
}

TEST_F(BlockQueue, DiskErrorsAndPartsOfTransfersAreHandled)
{
    fill(10, 0x77);
    disk.longest_transfer = 1536;
    submit(transfer(::xen::BLKIF_OP_WRITE, 1, 0, 10, 3));
    settle();
    EXPECT_EQ(answers.at(1), 0);
    EXPECT_EQ(disk.story.size(), 8u) << "12288 bytes in parts of 1536";
    EXPECT_EQ(disk.bytes[4095], std::byte{0x77});
    disk.longest_transfer = SIZE_MAX;
    submit(transfer(::xen::BLKIF_OP_READ, 2, 0, 10));
    (void)queue->turn();
    disk.next_error = EIO;
    settle();
    EXPECT_EQ(answers.at(2), -1);
    submit(transfer(::xen::BLKIF_OP_READ, 3, 0, 10));
    (void)queue->turn();
    disk.next_error = EINTR;
    settle();
    EXPECT_EQ(answers.at(3), 0) << "an interrupted operation is done again";
    disk.longest_transfer = 0;
    submit(transfer(::xen::BLKIF_OP_READ, 4, 0, 10));
    settle();
    EXPECT_EQ(answers.at(4), -1) << "the image has become shorter";
}

TEST_F(BlockQueue, FlushesBarriersAndDiscards)
{
    fill(10, 1);
    RawRequest flush{};
    flush.operation = ::xen::BLKIF_OP_FLUSH_DISKCACHE;
    flush.id = 1;
    submit(flush);
    settle();
    EXPECT_EQ(disk.story, "s");
    disk.story.clear();
    // A barrier waits for what came before and holds what comes after.
    submit(transfer(::xen::BLKIF_OP_WRITE, 2, 0, 10));
    submit(transfer(::xen::BLKIF_OP_WRITE_BARRIER, 3, 8, 10));
    submit(transfer(::xen::BLKIF_OP_READ, 4, 16, 11));
    (void)queue->turn();
    EXPECT_EQ(disk.waiting.size(), 1u);
    settle();
    EXPECT_EQ(disk.story, "wswsr");
    disk.story.clear();
    ::xen::blkif_request_discard discard{};
    discard.operation = ::xen::BLKIF_OP_DISCARD;
    discard.id = 5;
    discard.nr_sectors = 16;
    RawRequest raw{};
    std::memcpy(&raw, &discard, sizeof discard);
    submit(raw);
    settle();
    EXPECT_EQ(disk.story, "d");
    EXPECT_EQ(disk.bytes[0], std::byte{0});
    raw.id = 6;
    submit(raw);
    (void)queue->turn();
    disk.next_error = EOPNOTSUPP;
    settle();
    EXPECT_EQ(answers, (std::map<std::uint64_t, int>{{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, -2}}));
}

TEST_F(BlockQueue, BuffersBoundWhatIsUnderWay)
{
    BufferPool small = *BufferPool::create(20);
    std::swap(pool, small);
    for (std::uint64_t id = 0; id < 20; ++id)
        submit(transfer(::xen::BLKIF_OP_READ, id, 0, 10, 11));
    (void)queue->turn();
    EXPECT_EQ(disk.waiting.size(), 1u) << "two of eleven pages do not fit into twenty";
    settle();
    EXPECT_EQ(answers.size(), 20u) << "all get their turn";
    EXPECT_EQ(pool.free_pages(), 20u);
}

TEST_F(BlockQueue, ImpossibleIndexEndsServiceButNotWhatIsUnderWay)
{
    fill(10, 3);
    submit(transfer(::xen::BLKIF_OP_WRITE, 1, 0, 10));
    (void)queue->turn();
    *reinterpret_cast<std::uint32_t*>(guest.page(0).data()) = 5000;
    for (int i = 0; i < 3; ++i)
        (void)queue->turn();
    EXPECT_TRUE(queue->broken());
    disk.run_all();
    (void)queue->turn();
    EXPECT_TRUE(queue->at_rest());
    EXPECT_EQ(disk.bytes[0], std::byte{3});
}

TEST_F(BlockQueue, SuccessorAnswersEverythingExactlyOnce)
{
    // The backend is killed at random moments, with requests waiting, under way, done, answered and half shown.
    std::mt19937 random(11);
    std::map<std::uint64_t, std::byte> written;  // sector -> value
    std::uint64_t next_id = 1, kills = 0;
    std::set<std::uint64_t> open;
    for (int step = 0; step < 6000; ++step) {
        switch (random() % 6) {
        case 0:
        case 1: {
            if (front.free_slots() == 0)
                break;
            // Each request has its own page and sectors, as a real frontend's outstanding requests have.
            const std::uint64_t id = next_id++;
            const auto place = static_cast<std::uint32_t>(id % 300);
            if (open.size() > 30)
                break;
            fill(10 + place, static_cast<int>(id % 251));
            written[place * 8] = static_cast<std::byte>(id % 251);
            open.insert(id);
            submit(transfer(::xen::BLKIF_OP_WRITE, id, place * 8, 10 + place));
            break;
        }
        case 2: (void)queue->turn(); break;
        case 3:
            if (!disk.waiting.empty())
                disk.run_one(random() % disk.waiting.size());
            break;
        case 4:
            while (front.waiting() != 0) {
                const auto response = front.take<::xen::blkif_response>();
                ASSERT_EQ(response.status, 0);
                ASSERT_EQ(open.erase(response.id), 1u) << "answered twice, or never asked";
            }
            break;
        case 5:
            if (random() % 10 != 0)
                break;
            ++kills;
            disk.waiting.clear();  // the dead process's I/O is lost here; its lock keeps real ones apart
            queue.reset();
            pool = *BufferPool::create(320);
            make();
            ASSERT_TRUE(queue->check_journal());
            queue->resume();
            break;
        }
    }
    EXPECT_GT(kills, 30u);
    for (int i = 0; i < 50; ++i) {
        (void)queue->turn();
        disk.run_all();
        for (; front.waiting() != 0;)
            ASSERT_EQ(open.erase(front.take<::xen::blkif_response>().id), 1u);
    }
    EXPECT_TRUE(open.empty()) << open.size() << " requests were lost";
    for (const auto& [sector, value] : written)
        ASSERT_EQ(disk.bytes[sector * 512], value);
    queue.reset();
    EXPECT_EQ(guest.mapped_pages, 0u);
}

TEST_F(BlockQueue, TakingThatWasCutOffIsForgotten)
{
    // Entries 0 and 1 are free again, 1 last; the fourth request is being taken into it when the process dies, just before
    // its index counts. The successor takes the request into entry 0, and dies too.
    for (std::uint64_t id = 1; id <= 3; ++id)
        submit(transfer(::xen::BLKIF_OP_WRITE, id, id * 8, 10));
    (void)queue->turn();
    disk.run_one();
    disk.run_one();
    (void)queue->turn();
    submit(transfer(::xen::BLKIF_OP_WRITE, 4, 32, 10));
    (void)queue->turn();
    std::memset(memory.data() + sizeof(std::uint32_t), 3, 1);  // the journal's req_cons, which was 4
    for (int death = 0; death < 2; ++death) {
        disk.waiting.clear();
        queue.reset();
        pool = *BufferPool::create(320);
        make();
        const auto checked = queue->check_journal();
        ASSERT_TRUE(checked) << "death " << death << ": " << checked.error().text();
        queue->resume();
        (void)queue->turn();
    }
    settle();
    EXPECT_EQ(answers, (std::map<std::uint64_t, int>{{1, 0}, {2, 0}, {3, 0}, {4, 0}}));
}

TEST_F(BlockQueue, WhatASuccessorShowsAtOnceCountsAsAnswered)
{
    // The process dies after it took a request that will be refused. The successor refuses it while it takes over, and shows that;
    // dying there, it must not leave it as unanswered: the frontend may use the slot again.
    RawRequest bad = transfer(::xen::BLKIF_OP_READ, 1, 0, 10);
    bad.nr_segments = 12;
    submit(bad);
    QueueJournal(memory).take(0, 0, bad);
    queue.reset();
    make();
    queue->resume();
    collect();
    EXPECT_EQ(answers, (std::map<std::uint64_t, int>{{1, -1}}));
    const auto left = QueueJournal(memory).recover(32);
    ASSERT_TRUE(left);
    EXPECT_TRUE(left->requests.empty());
}

}  // namespace
}  // namespace rf
