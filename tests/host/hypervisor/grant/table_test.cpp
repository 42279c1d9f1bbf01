// SPDX-License-Identifier: MIT
/// Story: the table's shared frames: how they grow, who fills them, what happens when memory runs out or the owner tries
/// to give a frame away that the hypervisor works with.
#include "world.hpp"

namespace rf::grant_tests {
namespace {

/// All free memory of the machine, for one scope.
class NoMemoryLeft {
public:
    NoMemoryLeft()
    {
        for (unsigned order = mm::max_order + 1; order-- > 0;)
            while (auto const block = mm::allocator.allocate(order, mm::Contents::anything))
                blocks_.emplace_back(*block, order);
    }
    ~NoMemoryLeft()
    {
        for (auto const& [mfn, order] : blocks_)
            mm::allocator.release(mfn, order);
    }

private:
    std::vector<std::pair<Mfn, unsigned>> blocks_;
};

TEST(GrantTableFrames, GrowOnDemandUpToTheLimit)
{
    Party party(1, 3);
    EXPECT_EQ(party.table.frames(), 1u);
    EXPECT_EQ(party.table.frame_limit(), 3u);
    EXPECT_TRUE(party.table.grow_to(0));
    EXPECT_TRUE(party.table.grow_to(2));
    EXPECT_EQ(party.table.frames(), 2u);
    Mfn const last = party.table.frame(2).value();
    EXPECT_EQ(party.table.frames(), 3u);
    EXPECT_EQ(mm::frames[last].owner_id(), party.id()) << "the guest may map it";
    EXPECT_EQ(mm::frames[last].load().type(), mm::FrameType::shared);
    EXPECT_EQ(party.table.frame(2), last);
    EXPECT_FALSE(party.table.frame(3));
    EXPECT_FALSE(party.table.frame(~0u));
    EXPECT_FALSE(party.table.grow_to(4));
    for (unsigned index = 0; index < page_size; ++index)
        ASSERT_EQ(direct(last)[index], std::byte{0}) << "no old contents reach the guest";
}

TEST(GrantTableFrames, LimitsAreChecked)
{
    Owner owner(DomainId{1});
    GrantTable table(owner.memory);
    EXPECT_FALSE(table.init(0, 1));
    EXPECT_FALSE(table.init(GrantTable::frames_ceiling + 1, 1));
    EXPECT_FALSE(table.init(1, Maptrack::max_frames + 1));
    EXPECT_TRUE(table.init(1, 1));
    Budget budget(10000);
    EXPECT_EQ(table.release_all(budget), Progress::done);
}

TEST(GrantTableFrames, SeedWritesForTheOwner)
{
    Party party(1, 2), control(7);
    Mfn const ring = party.owner.frame();
    ASSERT_TRUE(party.table.seed(xen::GNTTAB_RESERVED_XENSTORE, control.id(), ring, xen::GTF_permit_access));
    EXPECT_EQ(party.entry(1).flags, access_only);
    EXPECT_EQ(party.entry(1).domid, 7);
    EXPECT_EQ(party.entry(1).frame, ring.value);
    auto const op = control.map(party, 1, host);
    EXPECT_EQ(op.status, xen::GNTST_okay);
    EXPECT_EQ(control.unmap(op.handle), xen::GNTST_okay);
    ASSERT_TRUE(party.table.seed(600, control.id(), ring, xen::GTF_permit_access));
    EXPECT_EQ(party.table.frames(), 2u);
    EXPECT_FALSE(party.table.seed(1024, control.id(), ring, xen::GTF_permit_access));
    EXPECT_FALSE(party.table.seed(~0u, control.id(), ring, xen::GTF_permit_access));
    EXPECT_FALSE(party.table.seed(2, control.id(), Mfn{1ull << 32}, xen::GTF_permit_access)) << "version 1: 32 bits";
}

TEST(GrantTableFrames, StayEvenIfTheOwnerGivesThemUp)
{
    Party granter(1), user(2);
    Mfn const frame = granter.owner.frame();
    granter.grant(3, user, frame);
    Mfn const entries = granter.table.frame(0).value();
    ASSERT_TRUE(granter.owner.memory.give_up(entries));
    auto const op = user.map(granter, 3, host);
    EXPECT_EQ(op.status, xen::GNTST_okay);
    EXPECT_EQ(granter.flags(3), in_write);
    EXPECT_EQ(user.unmap(op.handle), xen::GNTST_okay);
    std::uint64_t const before = mm::allocator.free_frames();
    granter.release_all();
    EXPECT_EQ(mm::allocator.free_frames(), before + 1) << "the last use was ours";
}

TEST(GrantTableFrames, WithoutMemoryThingsFailCleanly)
{
    Party granter(1, 4), user(2);
    Mfn const frame = granter.owner.frame();
    granter.grant(0, user, frame);
    {
        NoMemoryLeft const hold;
        EXPECT_EQ(granter.table.grow_to(2), fail(Errno::enomem));
        EXPECT_EQ(granter.table.frames(), 1u);
        EXPECT_EQ(user.map(granter, 0, host).status, xen::GNTST_no_device_space);
        EXPECT_EQ(granter.flags(0), access_only);
    }
    EXPECT_TRUE(granter.table.grow_to(2));
    auto const op = user.map(granter, 0, host);
    EXPECT_EQ(op.status, xen::GNTST_okay);
    EXPECT_EQ(user.unmap(op.handle), xen::GNTST_okay);
}

TEST(GrantTableFrames, ADeadOwnersTableDoesNotGrow)
{
    Party party(1, 4);
    party.release_all();
    EXPECT_FALSE(party.table.grow_to(2));
    EXPECT_FALSE(party.table.frame(0));
    EXPECT_FALSE(party.table.seed(0, DomainId{2}, Mfn{1}, xen::GTF_permit_access));
    party.release_all();
}

} // namespace
} // namespace rf::grant_tests
