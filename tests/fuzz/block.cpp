// SPDX-License-Identifier: MIT
/// Fuzzer of the block backend against a hostile frontend: its requests, its pages, its ring's own words, its grants, a disk
/// that fails or does half, and a backend that dies and is succeeded. The disk must see whole transfers within itself; unless
/// the guest spoils its own ring, each request is answered exactly once; at the end all buffers and mappings are back.
#include "harness/choices.hpp"

#include <gtest/gtest.h>

#include "block/queue.hpp"
#include "block/watched_disk.hpp"
#include "fake_guest.hpp"
#include "ring/front_ring.hpp"

#include <cstring>
#include <memory>
#include <optional>
#include <set>

namespace rf::fuzz {
namespace {

using namespace block;
using test::FakeGuest;

constexpr std::uint32_t guest_pages = 24, first_ref = 100, pool_pages = 320;
constexpr std::uint64_t disk_sectors = 1024;
constexpr unsigned steps_of_one_input = 150;

DiskFacts facts_of(std::uint64_t choice)
{
    DiskFacts facts{.sectors = disk_sectors, .discard_granularity = 4096};
    if (choice & 1) {
        facts.read_only = 1;
        facts.discard_granularity = 0; // as disk.cpp measures such a disk
    }
    if (choice & 2)
        facts.sector_size = facts.physical_sector_size = 4096;
    return facts;
}

class Play {
public:
    explicit Play(Bytes bytes) : choices_(bytes), facts_(facts_of(choices_.below(4))), disk_(facts_)
    {
        for (std::uint32_t i = 0; i < guest_pages; ++i)
            guest_.grant(first_ref + i, i, i % 8 == 7 ? FakeGuest::Permit::read_only : FakeGuest::Permit::read_write);
        connect();
        queue_->start_fresh();
    }

    void run()
    {
        for (unsigned step = 0; step < steps_of_one_input && !choices_.done() && !testing::Test::HasFailure(); ++step)
            one_step();
        for (unsigned i = 0; i < 200 && !(open_.empty() && disk_.idle()); ++i) {
            disk_.run_all();
            for (unsigned turns = 0; turns < 64 && queue_->turn() == Queue::More::yes; ++turns) {
            }
            collect();
        }
        if (!spoiled_) {
            EXPECT_TRUE(open_.empty()) << open_.size() << " requests were never answered";
            EXPECT_FALSE(queue_->broken());
        }
        disk_.run_all();
        EXPECT_TRUE(spoiled_ || pool_->free_pages() == pool_pages);
        queue_.reset();
        EXPECT_EQ(guest_.mapped_pages, 0u);
    }

private:
    void connect()
    {
        pool_.emplace(*BufferPool::create(pool_pages));
        // The ring's own page is always granted: a backend does not come so far without it.
        guest_.grant(first_ref, 0);
        QueueConnection connection{*mapper_.map(FakeGuest::domain, xen::GrantRef(first_ref), xen::Access::read_write),
                                   *events_.bind_interdomain(FakeGuest::domain, xen::RemotePort(3))};
        queue_ = std::make_unique<Queue>(Doors{mapper_, events_, *pool_, disk_}, FakeGuest::domain, 9, facts_, std::move(connection),
                                         QueueJournal(memory_));
    }

    void one_step()
    {
        switch (choices_.below(12)) {
        case 0 ... 3:
            return submit();
        case 4 ... 5:
            (void)queue_->turn();
            return collect();
        case 6:
            if (!disk_.idle())
                disk_.run_one(choices_.one_in(8) ? EIO : 0);
            return;
        case 7:
            return disk_.run_all();
        case 8:
            return fill_page();
        case 9: {
            auto const ref = static_cast<std::uint32_t>(first_ref + 1 + choices_.below(guest_pages));
            if (choices_.one_in(2))
                guest_.revoke(ref);
            else
                guest_.grant(ref, choices_.below(guest_pages - 1) + 1);
            return;
        }
        case 10:
            if (choices_.one_in(8))
                spoil_ring();
            return;
        default:
            if (choices_.one_in(4))
                die();
        }
    }

    // ---- the guest's side

    std::uint64_t sector()
    {
        static constexpr std::uint64_t edges[] = {disk_sectors - 1, disk_sectors, ~0ull, ~0ull - 7, 1ull << 55, 1ull << 63};
        return choices_.one_in(6) ? edges[choices_.below(std::size(edges))] : choices_.below(disk_sectors);
    }
    std::uint32_t reference()
    {
        return choices_.one_in(16) ? static_cast<std::uint32_t>(choices_.bits())
                                   : static_cast<std::uint32_t>(first_ref + 1 + choices_.below(guest_pages));
    }
    RawSegment segment()
    {
        std::uint32_t const ref = reference();
        if (choices_.one_in(16))
            return {ref, static_cast<std::uint8_t>(choices_.below(256)), static_cast<std::uint8_t>(choices_.below(256))};
        auto const first = static_cast<std::uint8_t>(choices_.one_in(2) ? 0 : choices_.below(8));
        return {ref, first, static_cast<std::uint8_t>(choices_.one_in(2) ? 7 : first + choices_.below(8 - first))};
    }
    template <class T>
    static RawRequest as_raw(T const& request)
    {
        RawRequest raw{};
        std::memcpy(static_cast<void*>(&raw), &request, std::min(sizeof raw, sizeof request));
        return raw;
    }
    RawRequest some_request(std::uint64_t id)
    {
        switch (choices_.below(8)) {
        case 0 ... 1: {
            ::xen::blkif_request_indirect request{};
            request.operation = ::xen::BLKIF_OP_INDIRECT;
            request.indirect_op = static_cast<std::uint8_t>(choices_.below(choices_.one_in(8) ? 256 : 2));
            request.nr_segments = static_cast<std::uint16_t>(choices_.one_in(8) ? choices_.below(0x1'0000) : choices_.below(max_indirect_segments + 2));
            request.id = id;
            request.sector_number = sector();
            for (auto& ref : request.indirect_grefs)
                ref = reference();
            return as_raw(request);
        }
        case 2: {
            ::xen::blkif_request_discard request{};
            request.operation = ::xen::BLKIF_OP_DISCARD;
            request.flag = static_cast<std::uint8_t>(choices_.below(4));
            request.id = id;
            request.sector_number = sector();
            request.nr_sectors = choices_.one_in(4) ? sector() : choices_.below(64);
            return as_raw(request);
        }
        default: {
            RawRequest raw{};
            raw.operation = static_cast<std::uint8_t>(choices_.one_in(16) ? choices_.below(256) : choices_.below(6));
            raw.nr_segments = static_cast<std::uint8_t>(choices_.one_in(16) ? choices_.below(256) : choices_.below(12));
            raw.id = id;
            raw.sector_number = sector();
            for (unsigned i = 0; i < std::min<unsigned>(raw.nr_segments, std::size(raw.seg)); ++i)
                raw.seg[i] = segment();
            return raw;
        }
        }
    }
    void submit()
    {
        for (std::uint64_t count = 1 + choices_.below(4); count > 0 && front_.free_slots() > 0; --count) {
            std::uint64_t const id = next_id_++;
            EXPECT_TRUE(front_.put(some_request(id)));
            open_.insert(id);
        }
        (void)front_.publish();
    }
    void collect()
    {
        while (front_.waiting() != 0) {
            auto const response = front_.take<::xen::blkif_response>();
            if (spoiled_)
                continue;
            EXPECT_EQ(open_.erase(response.id), 1u) << "answered twice, or never asked: " << response.id;
            EXPECT_TRUE(response.status == 0 || response.status == -1 || response.status == -2) << response.status;
        }
        EXPECT_TRUE(spoiled_ || !front_.broken());
    }
    /// A page of segments that make sense, or of anything.
    void fill_page()
    {
        auto const page = guest_.page(1 + choices_.below(guest_pages - 1));
        if (choices_.one_in(2)) {
            std::uint32_t const first = reference();
            for (std::size_t i = 0; i < ::xen::BLKIF_SEGMENTS_PER_INDIRECT_PAGE; ++i)
                reinterpret_cast<RawSegment*>(page.data())[i] = {first + static_cast<std::uint32_t>(i % 4), 0, 7};
            return;
        }
        for (std::size_t words = 1 + choices_.below(8); words > 0; --words) {
            RawSegment const one = segment();
            std::memcpy(page.data() + choices_.below(512) * 8, &one, sizeof one);
        }
    }
    /// From here on the guest can expect nothing for itself.
    void spoil_ring()
    {
        auto const page = guest_.page(0);
        Bytes const bytes = choices_.bytes(1 + choices_.below(16));
        std::memcpy(page.data() + (choices_.one_in(2) ? choices_.below(64) : choices_.below(page.size() - 16)), bytes.data(), bytes.size());
        spoiled_ = true;
    }

    /// The backend's process dies with its I/O; another one takes its journal over.
    void die()
    {
        disk_.forget();
        queue_.reset();
        connect();
        if (queue_->check_journal())
            queue_->resume();
        else {
            EXPECT_TRUE(spoiled_) << "the journal of an honest guest's queue is refused";
            queue_->start_fresh();
        }
    }

    Choices choices_;
    DiskFacts facts_;
    FakeGuest guest_{guest_pages};
    xen::GrantMapper mapper_ = *xen::GrantMapper::open(guest_);
    xen::EventChannels events_ = *xen::EventChannels::open(guest_);
    std::optional<BufferPool> pool_;
    test::WatchedDisk disk_;
    ring::FrontRing<112> front_{guest_.page(0)};
    std::vector<std::byte> memory_ = std::vector<std::byte>(QueueJournal::bytes(32));
    std::unique_ptr<Queue> queue_;
    std::set<std::uint64_t> open_; ///< requests by id
    std::uint64_t next_id_ = 1;
    bool spoiled_ = false;
};

void run(Bytes bytes) { Play(bytes).run(); }

Registration const registration({"block", run, 500});

} // namespace
} // namespace rf::fuzz
