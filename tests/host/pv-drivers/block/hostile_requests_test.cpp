// SPDX-License-Identifier: MIT
// Story: a guest fills its ring with whatever it likes.
//
// Tens of thousands of requests with random fields (a fixed seed, so that a failure can be repeated) pass through a real
// queue: unknown operations, segments outside their pages and the disk, references that do not exist, indirect pages that
// hold rubbish, numbers at their limits. The disk must see nothing but whole transfers within itself, and no write at all if
// it is read-only; each request must be answered once; all buffers must come back.
#include <limits>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "block/queue.hpp"
#include "block/watched_disk.hpp"
#include "fake_guest.hpp"
#include "ring/front_ring.hpp"

namespace rf {
namespace {

using namespace rf::block;
using rf::test::FakeGuest;
using rf::test::WatchedDisk;

constexpr std::uint32_t guest_pages = 64;
constexpr std::uint32_t first_ref = 100;
constexpr std::uint32_t pool_pages = 600;
constexpr std::uint64_t disk_sectors = 4096;
constexpr int rounds = 5'000;

struct Case {
    const char* name;
    DiskFacts facts;
};

class HostileRequests : public testing::TestWithParam<Case> {
protected:
    std::mt19937_64 random{4711};
    FakeGuest guest{guest_pages};
    xen::GrantMapper mapper = *xen::GrantMapper::open(guest);
    xen::EventChannels events = *xen::EventChannels::open(guest);
    BufferPool pool = *BufferPool::create(pool_pages);
    WatchedDisk disk{GetParam().facts};
    ring::FrontRing<112> front{guest.page(0)};
    std::vector<std::byte> memory = std::vector<std::byte>(QueueJournal::bytes(32));
    std::unique_ptr<Queue> queue;
    std::map<std::uint64_t, unsigned> open;  ///< requests by id
    unsigned carried_out = 0;

    void SetUp() override
    {
        for (std::uint32_t i = 0; i < guest_pages; ++i)
            guest.grant(first_ref + i, i, i % 8 == 7 ? FakeGuest::Permit::read_only : FakeGuest::Permit::read_write);
        QueueConnection connection{*mapper.map(FakeGuest::domain, xen::GrantRef(first_ref), xen::Access::read_write),
                                   *events.bind_interdomain(FakeGuest::domain, xen::RemotePort(3))};
        queue = std::make_unique<Queue>(Doors{mapper, events, pool, disk}, FakeGuest::domain, 9, GetParam().facts,
                                        std::move(connection), QueueJournal(memory));
        queue->start_fresh();
    }

    std::uint64_t below(std::uint64_t bound) { return random() % bound; }
    /// Mostly a number that makes sense, else one from the edges.
    std::uint64_t number(std::uint64_t sensible)
    {
        constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
        const std::uint64_t edges[] = {0, 1, disk_sectors - 1, disk_sectors, disk_sectors + 1, most, most - 7, most / 2 + 1};
        return below(4) == 0 ? edges[below(std::size(edges))] : below(sensible);
    }
    /// Mostly a page that the guest grants (not the ring's), else one that does not exist.
    std::uint32_t reference()
    {
        return below(10) == 0 ? static_cast<std::uint32_t>(random()) : first_ref + 1 + static_cast<std::uint32_t>(below(guest_pages - 1));
    }
    RawSegment segment()
    {
        const auto first = static_cast<std::uint8_t>(below(8));
        const auto last = static_cast<std::uint8_t>(first + below(8 - first));
        if (below(12) == 0)
            return {reference(), static_cast<std::uint8_t>(random()), static_cast<std::uint8_t>(random())};
        return {reference(), first, last};
    }
    RawRequest direct(std::uint64_t id)
    {
        RawRequest raw{};
        raw.operation = static_cast<std::uint8_t>(below(6) == 0 ? random() : below(6));
        raw.nr_segments = static_cast<std::uint8_t>(below(8) == 0 ? random() : below(12));
        raw.id = id;
        raw.sector_number = number(disk_sectors);
        for (RawSegment& one : raw.seg)
            one = segment();
        return raw;
    }
    RawRequest indirect(std::uint64_t id)
    {
        ::xen::blkif_request_indirect request{};
        request.operation = ::xen::BLKIF_OP_INDIRECT;
        request.indirect_op = static_cast<std::uint8_t>(below(6) == 0 ? random() : below(2));
        request.nr_segments = static_cast<std::uint16_t>(below(8) == 0 ? random() : below(max_indirect_segments + 1));
        request.id = id;
        request.sector_number = number(disk_sectors);
        for (auto& ref : request.indirect_grefs)
            ref = reference();
        // The guest may fill the page with segments, or leave what is there: its own data.
        if (below(2) == 0 && request.indirect_grefs[0] - first_ref < guest_pages) {
            auto* const at = reinterpret_cast<RawSegment*>(guest.page(request.indirect_grefs[0] - first_ref).data());
            for (std::size_t i = 0; i < ::xen::BLKIF_SEGMENTS_PER_INDIRECT_PAGE; ++i)
                at[i] = {first_ref + 1 + static_cast<std::uint32_t>(i % 6), 0, 7};
        }
        return as_raw(request);
    }
    RawRequest discard(std::uint64_t id)
    {
        ::xen::blkif_request_discard request{};
        request.operation = ::xen::BLKIF_OP_DISCARD;
        request.flag = static_cast<std::uint8_t>(below(4));
        request.id = id;
        request.sector_number = number(disk_sectors);
        request.nr_sectors = number(64);
        return as_raw(request);
    }
    template <class T>
    static RawRequest as_raw(const T& request)
    {
        RawRequest raw{};
        std::memcpy(&raw, &request, std::min(sizeof raw, sizeof request));
        return raw;
    }

    void submit_some(std::uint64_t& next_id)
    {
        for (std::uint64_t count = below(8); count > 0 && front.free_slots() > 0; --count) {
            const std::uint64_t id = next_id++;
            const std::uint64_t kind = below(5);
            ASSERT_TRUE(front.put(kind < 3 ? direct(id) : kind < 4 ? indirect(id) : discard(id)));
            open[id] = 1;
        }
        (void)front.publish();
    }
    void collect()
    {
        while (front.waiting() != 0) {
            const auto response = front.take<::xen::blkif_response>();
            ASSERT_EQ(open.erase(response.id), 1u) << "answered twice, or never asked: " << response.id;
            ASSERT_TRUE(response.status == 0 || response.status == -1 || response.status == -2) << response.status;
            carried_out += response.status == 0 ? 1 : 0;
        }
    }
};

TEST_P(HostileRequests, AreRefusedOrHarmless)
{
    std::uint64_t next_id = 1;
    for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
        submit_some(next_id);
        (void)queue->turn();
        if (below(3) == 0)
            disk.run_all();
        collect();
    }
    // From here on turns follow as in the program: after completions, or because a turn asks for another.
    for (int i = 0; i < 1000 && !open.empty(); ++i) {
        disk.run_all();
        for (bool more = true; more;)
            more = queue->turn() == Queue::More::yes || (queue->waits() && queue->gave_back());
        collect();
        if (disk.idle())
            break;
    }
    EXPECT_TRUE(open.empty()) << open.size() << " requests were never answered";
    EXPECT_FALSE(queue->broken());
    EXPECT_EQ(pool.free_pages(), pool_pages);
    EXPECT_GT(carried_out, 300u) << "the test is too hostile to reach the disk";
    EXPECT_GT(disk.operations, 300u);
    queue.reset();
    EXPECT_EQ(guest.mapped_pages, 0u);
}

constexpr DiskFacts plain{.sectors = disk_sectors, .discard_granularity = 4096};
constexpr DiskFacts read_only_disk{.sectors = disk_sectors, .read_only = 1};
constexpr DiskFacts large_sector_disk{.sectors = disk_sectors, .sector_size = 4096, .physical_sector_size = 4096, .discard_granularity = 4096};

INSTANTIATE_TEST_SUITE_P(Disks, HostileRequests,
                         testing::Values(Case{"Plain", plain},
                                         Case{"ReadOnly", read_only_disk},
                                         Case{"LargeSectors", large_sector_disk}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace rf
