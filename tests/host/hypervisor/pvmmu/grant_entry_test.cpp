// SPDX-License-Identifier: MIT
// A grant puts one domain's frame into another's page table. The entry counts like any other; the grant counts besides.
// Whatever either side does to entry, table, grant or itself, in whatever order, no count is lost and none stays.
#include "world.hpp"

namespace rf::pvmmu_tests {
namespace {

class GrantEntries : public World {
protected:
    void SetUp() override
    {
        start(a);
        start(b);
    }
    static void grant(Guest& granter, std::uint32_t ref, Guest const& user, Mfn frame,
                      std::uint16_t flags = xen::GTF_permit_access)
    {
        Mfn const table = granter.domain->grants.frame(0).value();
        direct_as<xen::grant_entry_v1>(table)[ref] = {flags, user.id().value, static_cast<std::uint32_t>(frame.value)};
    }
    xen::gnttab_map_grant_ref map_grant(Guest& user, Guest const& granter, std::uint32_t ref, std::uint32_t flags,
                                        std::uint64_t place)
    {
        xen::gnttab_map_grant_ref request{};
        request.host_addr = place;
        request.flags = flags;
        request.ref = ref;
        request.dom = granter.id().value;
        EXPECT_EQ(run(user, hypercall::grant_table_op, {xen::GNTTABOP_map_grant_ref, address(&request), 1}), 0);
        return request;
    }
    xen::grant_status unmap_grant(Guest& user, xen::gnttab_map_grant_ref const& mapped)
    {
        xen::gnttab_unmap_grant_ref request{mapped.host_addr, 0, mapped.handle, 0};
        EXPECT_EQ(run(user, hypercall::grant_table_op, {xen::GNTTABOP_unmap_grant_ref, address(&request), 1}), 0);
        return static_cast<xen::grant_status>(request.status);
    }
    static constexpr std::uint32_t writable = xen::GNTMAP_host_map;
    static constexpr std::uint32_t read_only = xen::GNTMAP_host_map | xen::GNTMAP_readonly;
};

TEST_F(GrantEntries, CountForTheEntryAndForTheGrant)
{
    grant(a, 8, b, a[40]);
    auto const one = map_grant(b, a, 8, writable, 50 * page_size);
    ASSERT_EQ(one.status, xen::GNTST_okay);
    expect_type(a[40], FrameType::writable, 2);
    EXPECT_EQ(state(a[40]).references(), 3u);
    auto const two = map_grant(b, a, 8, read_only, 51 * page_size);
    ASSERT_EQ(two.status, xen::GNTST_okay);
    EXPECT_FALSE(Entry{slot(b[3], 51)}.is_writable());
    EXPECT_EQ(unmap_grant(b, one), xen::GNTST_okay);
    EXPECT_EQ(unmap_grant(b, one), xen::GNTST_bad_handle);
    EXPECT_EQ(unmap_grant(b, two), xen::GNTST_okay);
    EXPECT_EQ(state(a[40]).references(), 1u);
    EXPECT_EQ(slot(b[3], 50), 0u);
}

TEST_F(GrantEntries, ByTheAddressOfTheEntry)
{
    grant(a, 8, b, a[40]);
    std::uint32_t const flags = writable | xen::GNTMAP_contains_pte;
    EXPECT_NE(map_grant(b, a, 8, flags, machine(b[3], 50) + 4).status, xen::GNTST_okay) << "misaligned: XSA-227";
    EXPECT_NE(map_grant(b, a, 8, flags, machine(b[2], 50)).status, xen::GNTST_okay) << "a table of level 2";
    EXPECT_NE(map_grant(b, a, 8, flags, machine(a[3], 50)).status, xen::GNTST_okay) << "another domain's table";
    EXPECT_NE(map_grant(b, a, 8, flags, machine(b[50], 50)).status, xen::GNTST_okay) << "no table";
    EXPECT_EQ(state(a[40]).references(), 1u);
    auto const mapped = map_grant(b, a, 8, flags, machine(b[3], 50));
    ASSERT_EQ(mapped.status, xen::GNTST_okay);
    EXPECT_EQ(Entry{slot(b[3], 50)}.frame(), a[40]);
    EXPECT_EQ(unmap_grant(b, mapped), xen::GNTST_okay);
    EXPECT_EQ(state(a[40]).references(), 1u);
}

TEST_F(GrantEntries, OfOneCallLieInManyTables)
{
    // Elements of one call remember the table of the one before; they must not take it for theirs.
    slot(b[40], 0) = 0;
    ASSERT_EQ(write(b, b[2], 1, entry(b[40], link)), 0);
    grant(a, 8, b, a[40]);
    std::uint32_t const by_entry = writable | xen::GNTMAP_contains_pte;
    struct Element {
        std::uint32_t flags;
        std::uint64_t place;
        Mfn table; ///< where it must come out; invalid: refused
        unsigned index;
    };
    std::vector<Element> const elements{
        {writable, 50 * page_size, b[3], 50},           {writable, 513 * page_size, b[40], 1},
        {writable, 51 * page_size, b[3], 51},           {by_entry, machine(b[3], 52), b[3], 52},
        {by_entry, machine(b[40], 2), b[40], 2},        {by_entry, machine(b[40], 3) + 4, invalid_mfn, 0},
        {by_entry, machine(b[2], 9), invalid_mfn, 0},   {by_entry, machine(b[3], 53), b[3], 53},
        {writable, 1024 * page_size, invalid_mfn, 0},   {writable, 54 * page_size, b[3], 54},
        {by_entry, machine(a[3], 55), invalid_mfn, 0},  {writable, 514 * page_size + 7, b[40], 2},
        {writable, 1ull << 47, invalid_mfn, 0},         {by_entry, ~0ull, invalid_mfn, 0},
    };
    std::vector<xen::gnttab_map_grant_ref> maps;
    for (Element const& each : elements)
        maps.push_back({each.place, each.flags, 8, a.id().value, 1, 0, 0});
    ASSERT_EQ(run(b, hypercall::grant_table_op, {xen::GNTTABOP_map_grant_ref, address(maps.data()), maps.size()}), 0);
    std::vector<xen::gnttab_unmap_grant_ref> unmaps;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        EXPECT_EQ(maps[i].status == xen::GNTST_okay, elements[i].table.valid()) << i;
        if (maps[i].status != xen::GNTST_okay)
            continue;
        EXPECT_EQ(Entry{slot(elements[i].table, elements[i].index)}.frame(), a[40]) << i;
        if (i != 4) // another came to its place
            unmaps.push_back({maps[i].host_addr, 0, maps[i].handle, 1});
    }
    ASSERT_EQ(run(b, hypercall::grant_table_op, {xen::GNTTABOP_unmap_grant_ref, address(unmaps.data()), unmaps.size()}), 0);
    for (auto const& op : unmaps)
        EXPECT_EQ(op.status, xen::GNTST_okay);
    EXPECT_EQ(state(a[40]).references(), 2u) << "the grant whose entry was overwritten";
    EXPECT_EQ(slot(b[3], 50) | slot(b[40], 1) | slot(b[40], 2) | slot(b[3], 54), 0u);
}

TEST_F(GrantEntries, OfPageTablesOnlyToRead)
{
    grant(a, 8, b, a[3]);
    EXPECT_NE(map_grant(b, a, 8, writable, 50 * page_size).status, xen::GNTST_okay);
    auto const mapped = map_grant(b, a, 8, read_only, 50 * page_size);
    EXPECT_EQ(mapped.status, xen::GNTST_okay);
    EXPECT_EQ(unmap_grant(b, mapped), xen::GNTST_okay);
    grant(a, 9, b, a[40]);
    auto const written = map_grant(b, a, 9, writable, 50 * page_size);
    ASSERT_EQ(written.status, xen::GNTST_okay);
    EXPECT_EQ(pin(a, a[40], 1), error(Errno::ebusy)) << "while another domain may write to it";
    EXPECT_EQ(unmap_grant(b, written), xen::GNTST_okay);
    EXPECT_EQ(pin(a, a[40], 1), 0);
}

TEST_F(GrantEntries, AnEntryThatTheGuestReplacedIsNotTheGrantsAnyMore)
{
    grant(a, 8, b, a[40]);
    auto const mapped = map_grant(b, a, 8, writable, 50 * page_size);
    ASSERT_EQ(map(b, 50 * page_size, entry(b[50], read_write)), 0);
    EXPECT_EQ(state(a[40]).references(), 2u);
    EXPECT_NE(unmap_grant(b, mapped), xen::GNTST_okay) << "XSA-234";
    expect_type(b[50], FrameType::writable, 1);
    EXPECT_EQ(map(b, 50 * page_size, entry(a[40], readable)), error(Errno::ebusy)) << "and it cannot come back";
    EXPECT_EQ(map(b, 51 * page_size, entry(a[40], readable)), error(Errno::ebusy));
}

TEST_F(GrantEntries, SurviveTheTableThatHoldsThem)
{
    // The whole level-1 table goes while a grant is mapped in it, and cannot be validated again with that entry.
    slot(b[40], 0) = 0;
    ASSERT_EQ(write(b, b[2], 1, entry(b[40], link)), 0);
    grant(a, 8, b, a[40]);
    auto const mapped = map_grant(b, a, 8, writable, 512 * page_size);
    ASSERT_EQ(mapped.status, xen::GNTST_okay);
    ASSERT_EQ(write(b, b[2], 1, 0), 0);
    EXPECT_EQ(state(a[40]).references(), 2u);
    EXPECT_EQ(write(b, b[2], 1, entry(b[40], link)), error(Errno::ebusy));
    EXPECT_NE(unmap_grant(b, mapped), xen::GNTST_okay);
    destroy(b);
    EXPECT_EQ(state(a[40]).references(), 1u);
}

TEST_F(GrantEntries, GoBeforeTheirGrantsWhenTheirUserDies)
{
    grant(a, 8, b, a[40]);
    ASSERT_EQ(map_grant(b, a, 8, writable, 50 * page_size).status, xen::GNTST_okay);
    LockGuard guard(b.domain->control_lock);
    for (bool over = false; !over && !spoiled;) {
        Budget budget{16};
        over = domain::destroy_step(*b.domain, budget) == Progress::done;
        audit_is_clean("in the middle of the death"); // another domain's end may start an audit just then
    }
    EXPECT_EQ(state(a[40]).references(), 1u);
    b.domain = nullptr;
}

TEST_F(GrantEntries, OutliveEitherSide)
{
    for (bool user_first : {true, false}) {
        grant(a, 8, b, a[40]);
        ASSERT_EQ(map_grant(b, a, 8, writable, 50 * page_size).status, xen::GNTST_okay);
        Guest& first = user_first ? b : a;
        Guest& second = user_first ? a : b;
        DomainId const id = first.id();
        Mfn const frame = a[40];
        destroy(first, 16);
        audit_is_clean("after one side died");
        if (user_first)
            EXPECT_EQ(state(frame).references(), 1u);
        else
            EXPECT_EQ(state(frame).references(), 2u) << "the user's entry and its grant";
        if (user_first) {
            domain::reap();
            b = make(id, domain::Role::guest);
            start(b);
        } else {
            destroy(second);
            EXPECT_EQ(state(frame).references(), 0u);
        }
    }
}

TEST_F(GrantEntries, NeedNoUndoingToBeOver)
{
    // b has begun to undo a large tree and was interrupted. A grant operation cannot be interrupted: it must not do the
    // rest of that work, which may be as large as the guest.
    slot(b[40], 0) = 0;
    for (unsigned i = 0; i < 20; ++i) {
        slot(b[40], i) = entry(b[41 + i], link);
        for (unsigned k = 0; k < table_entries; ++k)
            slot(b[41 + i], k) = entry(b[63], readable);
    }
    ASSERT_EQ(pin(b, b[40], 2), 0);
    auto op = extended(xen::MMUEXT_UNPIN_TABLE, b[40].value);
    auto const unpinning = once(b, hypercall::mmuext_op, {address(&op), 1, 0, domid_self.value});
    ASSERT_TRUE(unpinning.is_again());
    std::uint64_t const left = state(b[63]).references();
    ASSERT_GT(left, 1000u);
    grant(a, 8, b, a[40]);
    auto const mapped = map_grant(b, a, 8, writable, 50 * page_size);
    ASSERT_EQ(mapped.status, xen::GNTST_okay);
    EXPECT_EQ(unmap_grant(b, mapped), xen::GNTST_okay);
    EXPECT_EQ(state(b[63]).references(), left);
    EXPECT_EQ(run(b, hypercall::mmuext_op, unpinning.next_arguments()), 0);
    EXPECT_EQ(state(b[63]).references(), 1u);
}

} // namespace
} // namespace rf::pvmmu_tests
