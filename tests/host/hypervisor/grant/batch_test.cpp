// SPDX-License-Identifier: MIT
/// Story: a backend maps and unmaps many grants in one call. They share locks and one flush, yet each must come out as it
/// would alone; and as long as one processor may still use an entry that was taken out, nothing of its mapping is given back:
/// no reference, no in-use bit, no handle.
#include "world.hpp"

#include <random>

namespace rf::grant_tests {
namespace {

class GrantBatch : public ::testing::Test {
protected:
    GrantBatch()
    {
        for (std::uint32_t ref = 0; ref < count; ++ref)
            granter.grant(ref, user, frames[ref] = granter.owner.frame());
    }
    std::vector<xen::gnttab_map_grant_ref> map_all(std::uint32_t how = host)
    {
        std::vector<xen::gnttab_map_grant_ref> ops(count);
        for (std::uint32_t ref = 0; ref < count; ++ref)
            ops[ref] = {(ref + 1) * page_size, how, ref, granter.id().value, 1, 0, 0};
        user.table.map(granter.table, user.tables, ops);
        for (auto const& op : ops)
            EXPECT_EQ(op.status, xen::GNTST_okay);
        return ops;
    }
    static constexpr std::uint32_t count = 6;
    Party granter{1}, user{2};
    std::array<Mfn, count> frames;
};

TEST_F(GrantBatch, NothingIsGivenBackBeforeTheFlush)
{
    auto const mapped = map_all();
    std::vector<xen::gnttab_unmap_grant_ref> ops;
    for (auto const& op : mapped)
        ops.push_back({op.host_addr, 0, op.handle, 1});
    user.tables.at_flush = [&] {
        EXPECT_TRUE(user.tables.entries.empty());
        EXPECT_EQ(user.table.mappings(), count);
        EXPECT_EQ(granter.table.active(), count);
        for (std::uint32_t ref = 0; ref < count; ++ref) {
            EXPECT_EQ(granter.flags(ref), in_write);
            EXPECT_EQ(Owner::references(frames[ref]), 3u) << "the owner's, the grant's, the entry's";
            EXPECT_EQ(writable_uses(frames[ref]), 2u);
        }
    };
    user.table.unmap(user.tables, ops);
    EXPECT_EQ(user.tables.flushes, 1u) << "for all of them";
    user.tables.at_flush = nullptr;
    for (std::uint32_t ref = 0; ref < count; ++ref) {
        EXPECT_EQ(ops[ref].status, xen::GNTST_okay);
        EXPECT_EQ(granter.flags(ref), access_only);
        EXPECT_EQ(Owner::references(frames[ref]), 1u);
        EXPECT_EQ(writable_uses(frames[ref]), 0u);
    }
    EXPECT_EQ(user.table.mappings(), 0u);
}

TEST_F(GrantBatch, WhatTookNoEntryOutNeedsNoFlush)
{
    auto const mapped = map_all(xen::GNTMAP_device_map);
    std::vector<xen::gnttab_unmap_grant_ref> ops;
    for (auto const& op : mapped)
        ops.push_back({0, op.dev_bus_addr, op.handle, 1});
    ops.push_back({page_size, 0, 0xffff, 1});
    user.table.unmap(user.tables, ops);
    EXPECT_EQ(user.tables.flushes, 0u);
    EXPECT_EQ(ops.back().status, xen::GNTST_bad_handle);
    EXPECT_EQ(granter.table.active(), 0u);
}

TEST_F(GrantBatch, AHalfThatStaysIsNobodysUntilTheOtherIsForgotten)
{
    // Else a second processor could end the mapping by its device half while the first still writes through the entry.
    auto const mapped = map_all(host | xen::GNTMAP_device_map);
    auto const& op = mapped[2];
    user.tables.at_flush = [&] {
        xen::gnttab_unmap_grant_ref other{0, op.dev_bus_addr, op.handle, 1};
        user.tables.mutex.unlock(); // the other processor's call, between two of ours
        user.table.unmap(user.tables, {&other, 1});
        user.tables.mutex.lock();
        EXPECT_EQ(other.status, xen::GNTST_bad_handle);
        EXPECT_EQ(granter.flags(2), in_write);
        EXPECT_EQ(Owner::references(frames[2]), 3u);
    };
    EXPECT_EQ(user.unmap(op.handle, op.host_addr), xen::GNTST_okay);
    EXPECT_EQ(user.tables.flushes, 1u);
    user.tables.at_flush = nullptr;
    EXPECT_EQ(Owner::references(frames[2]), 2u);
    EXPECT_EQ(user.unmap(op.handle, 0, op.dev_bus_addr), xen::GNTST_okay);
    EXPECT_EQ(Owner::references(frames[2]), 1u);
    user.tables.entries.clear();
}

TEST_F(GrantBatch, OneHandleTwice)
{
    auto const mapped = map_all();
    xen::gnttab_unmap_grant_ref ops[] = {{page_size, 0, mapped[0].handle, 1}, {page_size, 0, mapped[0].handle, 1}};
    user.table.unmap(user.tables, ops);
    EXPECT_EQ(ops[0].status, xen::GNTST_okay);
    EXPECT_EQ(ops[1].status, xen::GNTST_bad_handle);
    EXPECT_EQ(Owner::references(frames[0]), 1u);
    EXPECT_EQ(Owner::references(frames[1]), 2u);
    user.tables.entries.clear();
}

/// Two machines' worth of parties that get the same random elements: one by one, and many at a time.
class Twin {
public:
    Twin(std::uint16_t first)
        : granters{std::make_unique<Party>(first), std::make_unique<Party>(static_cast<std::uint16_t>(first + 1))},
          user(static_cast<std::uint16_t>(first + 2), 4, 1)
    {
        for (unsigned index = 0; index < 2; ++index)
            for (std::uint32_t ref = 0; ref < refs; ++ref) {
                frames[index][ref] = granters[index]->owner.frame();
                std::uint16_t const flags = ref % 3 ? xen::GTF_permit_access : xen::GTF_permit_access | xen::GTF_readonly;
                granters[index]->grant(ref, user, frames[index][ref], flags);
            }
    }
    ~Twin() { user.release_all(); }
    static constexpr std::uint32_t refs = 5;
    std::array<std::unique_ptr<Party>, 2> granters;
    Party user;
    std::array<std::array<Mfn, refs>, 2> frames;
};

struct Plan {
    bool maps;
    unsigned granter;
    std::uint32_t ref, how;
    std::uint64_t address;
    xen::grant_handle_t handle;
    bool device;
};

TEST(GrantBatches, DoWhatTheirElementsDoOneByOne)
{
    for (unsigned seed = 1; seed <= 20; ++seed) {
        std::mt19937 random(seed);
        Twin single(1), many(11);
        std::vector<Plan> live;
        for (unsigned round = 0; round < 200; ++round) {
            bool const maps = random() % 2 && live.size() < 60;
            unsigned const granter = random() % 2;
            std::vector<Plan> plans(1 + random() % GrantTable::most_at_once);
            for (Plan& plan : plans) {
                constexpr std::uint32_t hows[] = {host, host_read_only, host | xen::GNTMAP_device_map, xen::GNTMAP_device_map, 0};
                plan = {maps, granter, static_cast<std::uint32_t>(random() % (Twin::refs + 1)), hows[random() % std::size(hows)],
                        (1 + random() % 200) << page_shift, static_cast<xen::grant_handle_t>(random() % 300), random() % 2 != 0};
                if (!maps && !live.empty() && random() % 8) {
                    Plan const& chosen = live[random() % live.size()];
                    plan.granter = chosen.granter, plan.ref = chosen.ref, plan.handle = chosen.handle;
                    plan.address = random() % 3 ? chosen.address : 0;
                }
            }
            auto const bus = [](Twin& twin, Plan const& plan) {
                return plan.device && plan.ref < Twin::refs ? twin.frames[plan.granter][plan.ref].value << page_shift : 0;
            };
            if (maps) {
                std::vector<xen::gnttab_map_grant_ref> ops;
                for (Plan const& plan : plans)
                    ops.push_back({plan.address, plan.how, plan.ref, 0, 99, ~0u, 0});
                many.user.table.map(many.granters[granter]->table, many.user.tables, ops);
                for (std::size_t i = 0; i < plans.size(); ++i) {
                    auto const alone = single.user.map(*single.granters[granter], plans[i].ref, plans[i].how, plans[i].address);
                    ASSERT_EQ(alone.status, ops[i].status) << "seed " << seed << " round " << round << " element " << i;
                    ASSERT_EQ(alone.handle, ops[i].handle);
                    plans[i].handle = alone.handle;
                    if (alone.status == xen::GNTST_okay)
                        live.push_back(plans[i]);
                }
            } else {
                std::vector<xen::gnttab_unmap_grant_ref> ops;
                for (Plan const& plan : plans)
                    ops.push_back({plan.address, bus(many, plan), plan.handle, 99});
                many.user.table.unmap(many.user.tables, ops);
                for (std::size_t i = 0; i < plans.size(); ++i)
                    ASSERT_EQ(single.user.unmap(plans[i].handle, plans[i].address, bus(single, plans[i])), ops[i].status)
                        << "seed " << seed << " round " << round << " element " << i;
            }
            ASSERT_EQ(single.user.table.mappings(), many.user.table.mappings());
            ASSERT_EQ(single.user.tables.entries.size(), many.user.tables.entries.size());
            for (unsigned index = 0; index < 2; ++index)
                for (std::uint32_t ref = 0; ref < Twin::refs; ++ref) {
                    ASSERT_EQ(single.granters[index]->flags(ref), many.granters[index]->flags(ref));
                    Mfn const one = single.frames[index][ref], other = many.frames[index][ref];
                    ASSERT_EQ(Owner::references(one), Owner::references(other));
                    ASSERT_EQ(writable_uses(one), writable_uses(other));
                }
            std::erase_if(live, [&](Plan const& plan) { // an empty request tells whether the handle lives
                xen::gnttab_unmap_grant_ref probe{0, 0, plan.handle, 0};
                single.user.table.unmap(single.user.tables, {&probe, 1});
                return probe.status == xen::GNTST_bad_handle;
            });
        }
    }
}

} // namespace
} // namespace rf::grant_tests
