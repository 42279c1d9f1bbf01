// SPDX-License-Identifier: MIT
/// Story: one event travels from its sender to the target's upcall through the two-level bitmaps, with every mask on its
/// way, to vCPUs that run, sleep or poll. A lost step shows as a guest that sleeps for ever.
#include "world.hpp"

namespace rf::event_tests {
namespace {

class TwoLevelDelivery : public ::testing::Test {
protected:
    TwoLevelDelivery()
    {
        b.take_two_level(0);
        b.sink.take(0);
    }
    [[nodiscard]] xen::vcpu_info& info() { return b.vcpus[0]->info(); }

    Guest a{1}, b{2};
    Link link = connect(a, b);
};

TEST_F(TwoLevelDelivery, SetsAllThreeLevelsAndWakesOnce)
{
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_TRUE(b.pending_bit(link.b));
    EXPECT_EQ(info().evtchn_pending_sel, 1ull << link.b / 64);
    EXPECT_TRUE(b.vcpus[0]->needs_upcall());
    EXPECT_EQ(b.sink.take(0), 1u);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.sink.take(0), 0u) << "pending already";
    EXPECT_EQ(b.take_two_level(0), std::vector{link.b});
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.sink.take(0), 1u);
}

TEST_F(TwoLevelDelivery, AMaskedPortStaysSilentUntilUnmask)
{
    b.mask(link.b);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_TRUE(b.pending_bit(link.b));
    EXPECT_EQ(info().evtchn_pending_sel, 0u);
    EXPECT_EQ(info().evtchn_upcall_pending, 0);
    EXPECT_EQ(b.sink.take(0), 0u);
    EXPECT_TRUE(b.table.unmask(link.b));
    EXPECT_FALSE(b.mask_bit(link.b));
    EXPECT_EQ(b.sink.take(0), 1u);
    EXPECT_EQ(b.take_two_level(0), std::vector{link.b});
    EXPECT_TRUE(b.table.unmask(link.b));
    EXPECT_EQ(b.sink.take(0), 0u) << "nothing pending";
}

TEST_F(TwoLevelDelivery, UnmaskWakesTheVcpuThatThePortIsBoundTo)
{
    EXPECT_TRUE(b.table.bind_vcpu(link.b, 1));
    b.mask(link.b);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_TRUE(b.table.unmask(link.b));
    EXPECT_EQ(b.sink.take(0), 0u);
    EXPECT_EQ(b.sink.take(1), 1u);
}

TEST_F(TwoLevelDelivery, WakesEvenWhileUpcallsAreMasked)
{
    // The guest's unmasking store may still be in its store buffer: the sender's view of the mask proves nothing.
    b.vcpus[0]->mask_upcalls();
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.sink.take(0), 1u);
    EXPECT_FALSE(b.vcpus[0]->needs_upcall());
    b.vcpus[0]->unmask_upcalls();
    EXPECT_TRUE(b.vcpus[0]->needs_upcall());
}

TEST_F(TwoLevelDelivery, RegisteredPlaceTakesOverAndIsMarkedPending)
{
    Mfn const frame = b.owner.frame();
    ASSERT_TRUE(mm::take_writable(frame, DomainId{2}));
    auto* place = reinterpret_cast<xen::vcpu_info*>(direct(frame) + 128);
    info().evtchn_upcall_mask = 1;
    info().arch.cr2 = 0x1234;
    info().time.tsc_to_system_mul = 77;
    ASSERT_TRUE(b.vcpus[0]->register_vcpu_info(place, frame));
    EXPECT_EQ(&info(), place);
    EXPECT_EQ(place->evtchn_upcall_mask, 1);
    EXPECT_EQ(place->evtchn_upcall_pending, 1);
    EXPECT_EQ(place->evtchn_pending_sel, ~0ull);
    EXPECT_EQ(place->arch.cr2, 0x1234u);
    EXPECT_EQ(place->time.tsc_to_system_mul, 77u);
    EXPECT_TRUE(fails_with(b.vcpus[0]->register_vcpu_info(place, frame), Errno::einval)) << "once only";
    b.take_two_level(0);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.take_two_level(0), std::vector{link.b});
    EXPECT_EQ(Owner::references(frame), 2u);
    b.vcpus[0]->unregister_vcpu_info();
    EXPECT_EQ(Owner::references(frame), 1u);
    EXPECT_EQ(&info(), &b.page->vcpu_info[0]);
}

TEST(TwoLevelDeliveryHighVcpus, BeyondSharedInfoAVcpuStartsWithAMaskedDummy)
{
    Guest guest(1, 40);
    EXPECT_EQ(&guest.vcpus[31]->info(), &guest.page->vcpu_info[31]);
    xen::vcpu_info& info = guest.vcpus[39]->info();
    EXPECT_FALSE(reinterpret_cast<std::byte*>(&info) >= reinterpret_cast<std::byte*>(guest.page) &&
                 reinterpret_cast<std::byte*>(&info) < reinterpret_cast<std::byte*>(guest.page) + page_size);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    Port const port = guest.table.bind_ipi(39).value();
    EXPECT_TRUE(guest.table.send(port));
    EXPECT_TRUE(guest.vcpus[39]->upcall_pending());
    EXPECT_FALSE(guest.vcpus[39]->needs_upcall());
}

TEST_F(TwoLevelDelivery, APollEndsAtAPendingPortEvenMasked)
{
    b.mask(link.b);
    Port const ports[] = {link.b};
    EXPECT_EQ(b.table.begin_poll(0, ports), false);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.sink.take(0), 1u) << "a masked port wakes its poller";
    EXPECT_EQ(b.table.begin_poll(0, ports), true) << "pending already: do not sleep";
    EXPECT_EQ(b.table.any_pending(ports), true);
    b.clear(link.b);
    EXPECT_EQ(b.table.any_pending(ports), false);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.sink.take(0), 0u) << "the poll is over";
}

TEST_F(TwoLevelDelivery, APollerHearsPortsOfOtherVcpusButNotForeignOnes)
{
    Port const first = b.table.bind_ipi(0).value();
    Port const second = b.table.bind_ipi(0).value();
    Port const third = b.table.bind_ipi(0).value();
    b.mask(first);
    b.mask(second);
    b.mask(third);
    Port const one[] = {first};
    EXPECT_EQ(b.table.begin_poll(1, one), false);
    EXPECT_TRUE(b.table.send(second));
    EXPECT_EQ(b.sink.take(1), 0u);
    EXPECT_TRUE(b.table.send(first));
    EXPECT_EQ(b.sink.take(1), 1u);
    b.clear(first);
    Port const two[] = {first, third};
    EXPECT_EQ(b.table.begin_poll(1, two), false);
    b.table.end_poll(1);
    EXPECT_TRUE(b.table.send(third));
    EXPECT_EQ(b.sink.take(1), 0u) << "ended by its timeout";
    b.clear(third);
    EXPECT_EQ(b.table.begin_poll(1, two), false);
    EXPECT_TRUE(b.table.send(third));
    EXPECT_EQ(b.sink.take(1), 1u);
}

TEST_F(TwoLevelDelivery, AnUpcallEndsAPoll)
{
    Port const other = b.table.bind_ipi(0).value();
    b.mask(other);
    Port const ports[] = {other};
    EXPECT_EQ(b.table.begin_poll(0, ports), false);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.sink.take(0), 1u);
    EXPECT_EQ(b.table.begin_poll(0, ports), true) << "an upcall is due";
    Port const bad[] = {other, 100000};
    EXPECT_TRUE(fails_with(b.table.begin_poll(0, bad), Errno::einval));
    EXPECT_TRUE(fails_with(b.table.any_pending(bad), Errno::einval));
}

TEST_F(TwoLevelDelivery, GarbageInSharedMemoryHurtsNobodyElse)
{
    std::memset(b.page, 0xff, page_size);
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_TRUE(b.table.unmask(link.b));
    EXPECT_TRUE(b.table.close(link.b));
    std::memset(b.page, 0, page_size);
    EXPECT_EQ(a.table.status(link.a)->u.unbound.dom, 2);
    EXPECT_TRUE(b.table.bind_interdomain(a.table, link.a));
}

} // namespace
} // namespace rf::event_tests
