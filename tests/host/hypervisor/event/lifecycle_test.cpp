// SPDX-License-Identifier: MIT
/// Story: domains reset their channels and die, in pieces and while others are connected to them. Nothing may be left that
/// points to a dead table, and every page taken from the guest must come back.
#include "world.hpp"

namespace rf::event_tests {
namespace {

TEST(EventLifecycle, ResetClosesEverythingInPieces)
{
    Guest a(1), b(2);
    std::vector<Link> links;
    for (unsigned count = 0; count < 20; ++count)
        links.push_back(connect(a, b));
    for (unsigned count = 0; count < 300; ++count)
        ASSERT_TRUE(a.table.bind_ipi(0));
    ASSERT_TRUE(a.table.bind_virq(xen::VIRQ_TIMER, 0));
    unsigned pieces = 0;
    for (Progress progress = Progress::more; progress == Progress::more; ++pieces) {
        Budget budget(50);
        progress = a.table.reset(budget);
        ASSERT_LT(pieces, 20u);
    }
    EXPECT_GE(pieces, 321u / 50);
    EXPECT_EQ(a.table.open_channels(), 0u);
    for (Link const& link : links)
        EXPECT_EQ(b.table.status(link.b)->status, xen::EVTCHNSTAT_unbound);
    EXPECT_EQ(a.table.bind_virq(xen::VIRQ_TIMER, 0), Port{1}) << "the domain goes on";
    Budget none(0);
    EXPECT_EQ(a.table.reset(none), Progress::more);
    EXPECT_EQ(a.table.open_channels(), 1u);
}

TEST(EventLifecycle, ResetLeavesTheFifoAndGivesItsPagesBack)
{
    Guest guest(1);
    Mfn const block = guest.owner.frame();
    Mfn const array = guest.owner.frame();
    Port const carried = guest.table.bind_ipi(0).value();
    EXPECT_TRUE(guest.table.send(carried));
    ASSERT_TRUE(guest.table.init_control(block, 0, 0));
    ASSERT_TRUE(guest.table.expand_array(array));
    EXPECT_EQ(Owner::references(block), 2u);
    EXPECT_EQ(Owner::references(array), 2u);
    Budget budget(100);
    EXPECT_EQ(guest.table.reset(budget), Progress::done);
    EXPECT_FALSE(guest.table.uses_fifo());
    EXPECT_EQ(Owner::references(block), 1u);
    EXPECT_EQ(Owner::references(array), 1u);
    guest.take_two_level(0);
    Port const port = guest.table.bind_ipi(0).value();
    EXPECT_EQ(port, carried);
    EXPECT_TRUE(guest.table.send(port));
    EXPECT_EQ(guest.take_two_level(0), std::vector{port}) << "no stale two-level bit swallows the event";
    ASSERT_TRUE(guest.table.init_control(block, 0, 0)) << "and again";
}

TEST(EventLifecycle, ADyingTableRefusesNewChannelsAndLeavesTheRegistry)
{
    Guest a(1), b(2);
    Link const link = connect(a, b);
    Port const offered = b.table.alloc_unbound(DomainId{1}).value();
    b.close_all();
    EXPECT_TRUE(fails_with(registry.find(DomainId{2}), Errno::esrch));
    EXPECT_TRUE(fails_with(b.table.alloc_unbound(DomainId{1}), Errno::einval));
    EXPECT_TRUE(fails_with(b.table.bind_ipi(0), Errno::einval));
    EXPECT_TRUE(fails_with(a.table.bind_interdomain(b.table, offered), Errno::einval));
    EXPECT_TRUE(fails_with(b.table.init_control(b.owner.frame(), 0, 0), Errno::einval));
    EXPECT_EQ(a.table.status(link.a)->status, xen::EVTCHNSTAT_unbound);
    EXPECT_TRUE(a.table.send(link.a));
    b.table.raise_virq(0, xen::VIRQ_TIMER);
}

TEST(EventLifecycle, AHoldDelaysTheEnd)
{
    Guest a(1);
    {
        auto hold = registry.find(DomainId{1});
        ASSERT_TRUE(hold);
        Budget budget(100);
        EXPECT_EQ(a.table.close_all(budget), Progress::more);
        TableHold const moved = std::move(*hold);
        EXPECT_EQ(a.table.close_all(budget), Progress::more);
    }
    Budget budget(100);
    EXPECT_EQ(a.table.close_all(budget), Progress::done);
}

TEST(EventLifecycle, TeardownGivesBackVcpuInfoPagesAndInterrupts)
{
    Guest guest(1);
    RecordingPirqs pirqs;
    ASSERT_TRUE(guest.table.allow_pirqs(pirqs, 16));
    ASSERT_TRUE(guest.table.bind_pirq(3, Sharing::exclusive));
    Mfn const frame = guest.owner.frame();
    ASSERT_TRUE(mm::take_writable(frame, DomainId{1}));
    ASSERT_TRUE(guest.vcpus[1]->register_vcpu_info(direct_as<xen::vcpu_info>(frame), frame));
    guest.use_fifo();
    guest.close_all();
    EXPECT_EQ(Owner::references(frame), 1u);
    EXPECT_TRUE(pirqs.bound.empty());
}

TEST(EventLifecycle, AnAbandonedTableCanBeDestroyed)
{
    Owner owner(DomainId{3});
    Mfn const frame = owner.memory.allocate_shared().value();
    {
        RecordingSink sink;
        EventTable table(DomainId{3}, sink, owner.memory.structures);
        ASSERT_TRUE(table.init(direct_as<xen::shared_info>(frame), 1023, 1));
    }
    EXPECT_TRUE(fails_with(registry.find(DomainId{3}), Errno::esrch));
}

} // namespace
} // namespace rf::event_tests
