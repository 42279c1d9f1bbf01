// SPDX-License-Identifier: MIT
/// Story: several processors map, unmap and copy the same few grants while the granter keeps rewriting its entries. When
/// all is over nothing may be in use; a lost count shows as a bit, a reference or a record that stays. Meant to run under
/// the thread sanitizer, too.
#include "world.hpp"

#include <random>
#include <thread>

namespace rf::grant_tests {
namespace {

TEST(GrantStress, ManyUsersOfFewGrants)
{
    Party granter(1), user(2);
    std::array<Mfn, 3> frames;
    for (std::uint32_t ref = 0; ref < frames.size(); ++ref)
        granter.grant(ref, user, frames[ref] = granter.owner.frame());
    std::atomic<unsigned> mapped = 0, copied = 0;
    std::atomic<bool> finished = false;
    auto const work = [&](unsigned seed) {
        std::mt19937 random(seed);
        Mfn const own = user.owner.frame();
        for (unsigned count = 0; count < 6000; ++count) {
            std::uint32_t const ref = random() % frames.size();
            std::array<xen::gnttab_map_grant_ref, 4> maps{};
            auto const asked = std::span(maps).first(1 + random() % maps.size());
            for (unsigned i = 0; i < asked.size(); ++i)
                asked[i] = {(seed * 1000ull + count % 50 * maps.size() + i) << page_shift, random() % 2 ? host : host_read_only,
                            static_cast<std::uint32_t>(random() % frames.size()), 0, 1, ~0u, 0};
            user.table.map(granter.table, user.tables, asked);
            auto const status = copy(user.id(), {granter.table, CopyEnd::Kind::grant, ref, 0},
                                     {user.table, CopyEnd::Kind::frame, own.value, 0}, 16);
            copied += status == xen::GNTST_okay;
            std::vector<xen::gnttab_unmap_grant_ref> unmaps;
            for (auto const& op : asked)
                if (op.status == xen::GNTST_okay)
                    unmaps.insert(unmaps.end(), 2, {op.host_addr, 0, op.handle, 1});
            mapped += static_cast<unsigned>(unmaps.size()) / 2;
            user.table.unmap(user.tables, unmaps);
            for (std::size_t i = 0; i < unmaps.size(); ++i)
                EXPECT_EQ(unmaps[i].status, i % 2 ? xen::GNTST_bad_handle : xen::GNTST_okay);
        }
    };
    {
        std::jthread const hostile([&] {
            constexpr std::uint32_t mine = xen::GTF_readonly | xen::GTF_permit_access;
            std::mt19937 random(9);
            std::uint32_t* const words = direct_as<std::uint32_t>(granter.table.frame(0).value());
            std::array<std::uint32_t, frames.size()> written;
            written.fill(xen::GTF_permit_access);
            while (!finished) {
                std::uint32_t const ref = random() % frames.size();
                // The readonly bit comes and goes; sometimes the type, too.
                std::uint32_t const bit = random() % 4 ? 0u + xen::GTF_readonly : 0u + xen::GTF_permit_access;
                EXPECT_EQ(shared(words[ref * 2]).fetch_xor(bit) & mine, written[ref]) << "the granter's write was undone";
                written[ref] ^= bit;
                std::this_thread::yield();
            }
        });
        {
            std::jthread const first(work, 1), second(work, 2), third(work, 3);
        }
        finished = true;
    }
    EXPECT_GT(mapped.load(), 0u);
    EXPECT_GT(copied.load(), 0u);
    for (std::uint32_t ref = 0; ref < frames.size(); ++ref) {
        EXPECT_EQ(granter.flags(ref) & (xen::GTF_reading | xen::GTF_writing), 0);
        EXPECT_EQ(Owner::references(frames[ref]), 1u);
        EXPECT_EQ(writable_uses(frames[ref]), 0u);
    }
    EXPECT_EQ(user.table.mappings(), 0u);
    EXPECT_EQ(granter.table.active(), 0u);
    EXPECT_TRUE(user.tables.entries.empty());
}

/// Story: two processors race to unmap one handle; exactly one may win, each time.
TEST(GrantStress, OneHandleIsUnmappedOnce)
{
    Party granter(1), user(2);
    Mfn const frame = granter.owner.frame();
    granter.grant(0, user, frame);
    for (unsigned round = 0; round < 2000; ++round) {
        auto const op = user.map(granter, 0, host);
        ASSERT_EQ(op.status, xen::GNTST_okay);
        std::atomic<unsigned> wins = 0;
        auto const race = [&] { wins += user.unmap(op.handle) == xen::GNTST_okay; };
        {
            std::jthread const rival(race);
            race();
        }
        ASSERT_EQ(wins.load(), 1u) << "round " << round;
        ASSERT_EQ(Owner::references(frame), 1u);
    }
}

} // namespace
} // namespace rf::grant_tests
