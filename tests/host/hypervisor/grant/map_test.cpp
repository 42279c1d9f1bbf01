// SPDX-License-Identifier: MIT
/// Story: one domain grants pages, another maps and unmaps them, properly and improperly. The status of each step, the
/// in-use bits that the granter sees, the page-table entries and the references on the frames must all agree; a reference
/// too few lets a domain write into memory that belongs to another by now.
#include "world.hpp"

namespace rf::grant_tests {
namespace {

class GrantMap : public ::testing::Test {
protected:
    GrantMap() { granter.grant(8, user, frame); }
    void expect_untouched()
    {
        EXPECT_EQ(granter.flags(8) & (xen::GTF_reading | xen::GTF_writing), 0);
        EXPECT_EQ(Owner::references(frame), 1u);
        EXPECT_EQ(writable_uses(frame), 0u);
        EXPECT_TRUE(user.tables.entries.empty());
        EXPECT_EQ(user.table.mappings(), 0u);
        EXPECT_EQ(granter.table.active(), 0u);
    }

    Party granter{1}, user{2}, stranger{3};
    Mfn frame = granter.owner.frame();
};

TEST_F(GrantMap, WritableMappingAndItsEnd)
{
    auto const op = user.map(granter, 8, host, 0x7000);
    ASSERT_EQ(op.status, xen::GNTST_okay);
    EXPECT_EQ(op.dev_bus_addr, frame.value << page_shift) << "returned even without device_map";
    EXPECT_EQ(granter.flags(8), in_write);
    EXPECT_EQ(Owner::references(frame), 2u);
    EXPECT_EQ(writable_uses(frame), 1u);
    auto const& entry = user.tables.entries.at({pvmmu::GrantAddress::linear, 0x7000});
    EXPECT_EQ(entry.frame(), frame);
    EXPECT_TRUE(entry.is_writable());
    EXPECT_FALSE(entry.has(pvmmu::Entry::user));
    EXPECT_EQ(user.unmap(op.handle, 0x7000), xen::GNTST_okay);
    EXPECT_EQ(granter.flags(8), access_only);
    expect_untouched();
    EXPECT_EQ(user.unmap(op.handle, 0x7000), xen::GNTST_bad_handle) << "a handle dies with its mapping";
}

TEST_F(GrantMap, FlagsReachThePageTable)
{
    auto const op = user.map(granter, 8, host_read_only | xen::GNTMAP_application_map | xen::GNTMAP_contains_pte | 5u << 16,
                             0x123458);
    ASSERT_EQ(op.status, xen::GNTST_okay);
    auto const& entry = user.tables.entries.at({pvmmu::GrantAddress::machine_entry, 0x123458});
    EXPECT_FALSE(entry.is_writable());
    EXPECT_TRUE(entry.has(pvmmu::Entry::user));
    EXPECT_EQ(entry.flags() & pvmmu::Entry::available_low, 5u << 9);
    EXPECT_EQ(granter.flags(8), in_read);
    EXPECT_EQ(writable_uses(frame), 0u);
    EXPECT_EQ(user.unmap(op.handle, 0x123458), xen::GNTST_okay);
    expect_untouched();
}

TEST_F(GrantMap, Refusals)
{
    EXPECT_EQ(user.map(granter, 8, xen::GNTMAP_readonly).status, xen::GNTST_bad_gntref) << "neither host nor device";
    EXPECT_EQ(user.map(granter, 512, host).status, xen::GNTST_bad_gntref) << "beyond the table";
    EXPECT_EQ(user.map(granter, ~0u, host).status, xen::GNTST_bad_gntref);
    EXPECT_EQ(user.map(granter, 9, host).status, xen::GNTST_general_error) << "nothing granted";
    EXPECT_EQ(stranger.map(granter, 8, host).status, xen::GNTST_general_error) << "granted to another";
    granter.entry(8).flags = xen::GTF_accept_transfer;
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error);
    granter.entry(8).flags = xen::GTF_transitive;
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error) << "version 2 does not exist";
    granter.entry(8).flags = xen::GTF_permit_access | xen::GTF_readonly;
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error);
    EXPECT_EQ(user.map(granter, 8, host).handle, ~0u);
    expect_untouched();

    granter.grant(8, user, stranger.owner.frame());
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error) << "somebody else's frame";
    granter.grant(8, user, Mfn{0xffff'fffe});
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error) << "no RAM";
    EXPECT_EQ(granter.flags(8), access_only) << "the in-use bits are taken back";
    granter.grant(8, user, frame);
    user.tables.refuse_install = true;
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error) << "no entry there";
    expect_untouched();
}

TEST_F(GrantMap, PageTablesOfTheGranterAreReadOnly)
{
    AsPageTable const in_use(frame);
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error);
    EXPECT_EQ(granter.flags(8), access_only);
    auto const op = user.map(granter, 8, host_read_only);
    EXPECT_EQ(op.status, xen::GNTST_okay);
    EXPECT_EQ(user.unmap(op.handle), xen::GNTST_okay);
}

TEST_F(GrantMap, SeveralMappingsCountSeparately)
{
    auto const first = user.map(granter, 8, host_read_only, 0x1000);
    auto const second = user.map(granter, 8, host, 0x2000);
    auto const third = user.map(granter, 8, host, 0x3000);
    ASSERT_EQ(third.status, xen::GNTST_okay);
    EXPECT_EQ(Owner::references(frame), 4u);
    EXPECT_EQ(writable_uses(frame), 2u);
    EXPECT_EQ(user.unmap(second.handle, 0x2000), xen::GNTST_okay);
    EXPECT_EQ(granter.flags(8), in_write);
    EXPECT_EQ(user.unmap(third.handle, 0x3000), xen::GNTST_okay);
    EXPECT_EQ(granter.flags(8), in_read) << "the last writer takes the writing bit along";
    EXPECT_EQ(user.unmap(first.handle, 0x1000), xen::GNTST_okay);
    EXPECT_EQ(granter.flags(8), access_only);
    expect_untouched();
}

TEST_F(GrantMap, WhileInUseTheFirstMappingDecidesFrameAndUser)
{
    auto const first = user.map(granter, 8, host_read_only, 0x1000);
    Mfn const other = granter.owner.frame();
    granter.entry(8).frame = static_cast<std::uint32_t>(other.value);
    granter.entry(8).domid = 3;
    EXPECT_EQ(stranger.map(granter, 8, host_read_only).status, xen::GNTST_general_error) << "in use by another";
    auto const second = user.map(granter, 8, host, 0x2000);
    ASSERT_EQ(second.status, xen::GNTST_okay);
    EXPECT_EQ(second.dev_bus_addr, frame.value << page_shift);
    EXPECT_EQ(Owner::references(other), 1u);
    EXPECT_EQ(user.unmap(second.handle, 0x2000), xen::GNTST_okay);
    granter.entry(8).flags |= xen::GTF_readonly;
    EXPECT_EQ(user.map(granter, 8, host, 0x2000).status, xen::GNTST_general_error) << "read-only now";
    EXPECT_EQ(user.unmap(first.handle, 0x1000), xen::GNTST_okay);
    auto const fresh = stranger.map(granter, 8, host_read_only);
    EXPECT_EQ(fresh.dev_bus_addr, other.value << page_shift);
    EXPECT_EQ(stranger.unmap(fresh.handle), xen::GNTST_okay);
}

TEST_F(GrantMap, UnmapWantsTheSameAddressAndAnIntactEntry)
{
    auto const op = user.map(granter, 8, host, 0x1000);
    EXPECT_EQ(user.unmap(op.handle, 0x2000), xen::GNTST_general_error);
    EXPECT_EQ(stranger.unmap(op.handle, 0x1000), xen::GNTST_bad_handle) << "handles are per domain";
    auto const saved = user.tables.entries;
    user.tables.entries.clear();
    EXPECT_EQ(user.unmap(op.handle, 0x1000), xen::GNTST_general_error) << "overwritten by other means";
    EXPECT_EQ(granter.flags(8), in_write) << "a refused unmap changes nothing";
    EXPECT_EQ(Owner::references(frame), 2u);
    user.tables.entries = saved;
    EXPECT_EQ(user.unmap(op.handle, 0x1000), xen::GNTST_okay);
    expect_untouched();
}

TEST_F(GrantMap, AnEqualEntryElsewhereIsAnotherMapping)
{
    // Both map the same frame; taking out the second's entry with the first's handle would leave an entry without reference.
    auto const first = user.map(granter, 8, host, 0x1000);
    auto const second = user.map(granter, 8, host, 0x2000);
    EXPECT_EQ(user.unmap(first.handle, 0x2000), xen::GNTST_general_error);
    EXPECT_EQ(user.tables.entries.size(), 2u);
    EXPECT_EQ(user.unmap(first.handle, 0x1000), xen::GNTST_okay);
    EXPECT_EQ(user.unmap(second.handle, 0x2000), xen::GNTST_okay);
    expect_untouched();
}

TEST_F(GrantMap, DeviceAndHostHalvesEndSeparately)
{
    std::uint64_t const bus = frame.value << page_shift;
    auto const op = user.map(granter, 8, host | xen::GNTMAP_device_map);
    ASSERT_EQ(op.status, xen::GNTST_okay);
    EXPECT_EQ(Owner::references(frame), 2u);
    EXPECT_EQ(user.unmap(op.handle, 0, 0), xen::GNTST_okay) << "names nothing, does nothing";
    EXPECT_EQ(user.unmap(op.handle, 0, bus + page_size), xen::GNTST_general_error);
    EXPECT_EQ(user.unmap(op.handle, 0x1000, 0), xen::GNTST_okay);
    EXPECT_TRUE(user.tables.entries.empty());
    EXPECT_EQ(granter.flags(8), in_write) << "the device may still write";
    EXPECT_EQ(user.unmap(op.handle, 0x1000, bus), xen::GNTST_okay);
    expect_untouched();

    auto const device_only = user.map(granter, 8, xen::GNTMAP_device_map | xen::GNTMAP_readonly);
    ASSERT_EQ(device_only.status, xen::GNTST_okay);
    EXPECT_TRUE(user.tables.entries.empty());
    EXPECT_EQ(granter.flags(8), in_read);
    EXPECT_EQ(user.unmap(device_only.handle, 0, bus), xen::GNTST_okay);
    expect_untouched();
}

TEST_F(GrantMap, ADomainMayMapItsOwnGrants)
{
    granter.grant(9, granter, frame);
    auto const user_view = granter.map(granter, 9, host | xen::GNTMAP_contains_pte | xen::GNTMAP_application_map, 0x8000);
    auto const kernel_view = granter.map(granter, 9, host, 0x9000);
    ASSERT_EQ(kernel_view.status, xen::GNTST_okay);
    EXPECT_EQ(Owner::references(frame), 3u);
    EXPECT_EQ(granter.unmap(kernel_view.handle, 0x9000), xen::GNTST_okay);
    EXPECT_EQ(granter.unmap(user_view.handle, 0x8000), xen::GNTST_okay);
    EXPECT_EQ(Owner::references(frame), 1u);
}

TEST_F(GrantMap, StaleHandlesAreRefusedForThousandsOfReuses)
{
    std::map<xen::grant_handle_t, unsigned> given;
    for (unsigned count = 0; count < 4095; ++count) {
        auto const op = user.map(granter, 8, host);
        ASSERT_EQ(op.status, xen::GNTST_okay);
        ASSERT_NE(op.handle, ~0u);
        ASSERT_EQ(given[op.handle]++, 0u) << "handle came again after " << count;
        ASSERT_EQ(user.unmap(op.handle), xen::GNTST_okay);
    }
    for (xen::grant_handle_t bogus : {0x7fffffffu, ~0u, 1u << 20, 0xfffffu, 255u, 256u})
        EXPECT_EQ(user.unmap(bogus), xen::GNTST_bad_handle);
}

TEST_F(GrantMap, MaptrackLimitIsPerMapper)
{
    Party narrow(4, 1, 1);
    granter.grant(10, narrow, frame);
    std::vector<xen::grant_handle_t> handles;
    for (std::uint64_t count = 0; count < Maptrack::records_per_frame; ++count) {
        auto const op = narrow.map(granter, 10, host_read_only, (count + 1) << page_shift);
        ASSERT_EQ(op.status, xen::GNTST_okay);
        handles.push_back(op.handle);
    }
    EXPECT_EQ(narrow.map(granter, 10, host_read_only, 0x1000).status, xen::GNTST_no_device_space);
    EXPECT_EQ(narrow.unmap(handles[7], 8u << page_shift), xen::GNTST_okay);
    EXPECT_EQ(narrow.map(granter, 10, host_read_only, 8u << page_shift).status, xen::GNTST_okay);
    EXPECT_EQ(narrow.table.mappings(), Maptrack::records_per_frame);
    Party none(5, 1, 0);
    EXPECT_EQ(none.map(granter, 8, host).status, xen::GNTST_no_device_space);
}

TEST_F(GrantMap, AGrantedFrameOutlivesItsOwnersInterest)
{
    auto const op = user.map(granter, 8, host);
    ASSERT_TRUE(granter.owner.memory.give_up(frame));
    EXPECT_EQ(mm::frames[frame].owner_id(), granter.id()) << "not freed: the mapper still has it";
    EXPECT_EQ(Owner::references(frame), 1u);
    std::uint64_t const before = mm::allocator.free_frames();
    EXPECT_EQ(user.unmap(op.handle), xen::GNTST_okay);
    EXPECT_EQ(mm::allocator.free_frames(), before + 1);
    EXPECT_EQ(granter.flags(8), access_only);
    EXPECT_EQ(user.map(granter, 8, host).status, xen::GNTST_general_error) << "gone for good";
    EXPECT_EQ(granter.flags(8), access_only);
}

TEST_F(GrantMap, ADeadMapperLetsGo)
{
    for (std::uint64_t count = 1; count <= 300; ++count)
        ASSERT_EQ(user.map(granter, 8, count % 2 ? host : host_read_only, count << page_shift).status, xen::GNTST_okay);
    unsigned pieces = 0;
    for (Progress progress = Progress::more; progress == Progress::more; ++pieces) {
        Budget budget(64);
        progress = user.table.release_all(budget);
        ASSERT_LT(pieces, 50u);
    }
    EXPECT_GE(pieces, 4u);
    user.tables.entries.clear();
    expect_untouched();
}

TEST_F(GrantMap, ADeadGranterStaysUntilItsMappersLetGo)
{
    auto const op = user.map(granter, 8, host);
    granter.release_all();
    EXPECT_EQ(granter.table.active(), 1u);
    EXPECT_EQ(user.map(granter, 8, host_read_only).status, xen::GNTST_general_error) << "no new uses";
    ASSERT_TRUE(granter.owner.memory.give_up(frame));
    EXPECT_EQ(Owner::references(frame), 1u);
    EXPECT_EQ(user.unmap(op.handle), xen::GNTST_okay);
    EXPECT_EQ(granter.table.active(), 0u);
}

} // namespace
} // namespace rf::grant_tests
