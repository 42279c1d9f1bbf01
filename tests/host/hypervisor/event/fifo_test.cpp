// SPDX-License-Identifier: MIT
/// Story: a domain goes over to the FIFO ABI and receives events through linked queues. The order within a queue, the
/// moves of a port between queues, and pages that come late must not lose an event; words full of garbage must not lead
/// the hypervisor anywhere.
#include "world.hpp"

namespace rf::event_tests {
namespace {

constexpr std::uint32_t pending = 1u << xen::EVTCHN_FIFO_PENDING;
constexpr std::uint32_t masked = 1u << xen::EVTCHN_FIFO_MASKED;
constexpr std::uint32_t linked = 1u << xen::EVTCHN_FIFO_LINKED;
constexpr std::uint32_t busy = 1u << xen::EVTCHN_FIFO_BUSY;
constexpr std::uint32_t link_mask = xen::EVTCHN_FIFO_LINK_MASK;

class FifoDelivery : public ::testing::Test {
protected:
    FifoDelivery()
    {
        guest.use_fifo();
        for (Port& port : ports)
            port = guest.table.bind_ipi(0).value();
    }
    void send(Port port) { EXPECT_TRUE(guest.table.send(port)); }

    Guest guest{1};
    std::array<Port, 6> ports{};
};

TEST(FifoSetup, ControlBlocksAndPagesAreChecked)
{
    Guest guest(1, 2);
    Mfn const frame = guest.owner.frame();
    EXPECT_TRUE(fails_with(guest.table.expand_array(frame), Errno::eopnotsupp)) << "not FIFO yet";
    EXPECT_TRUE(fails_with(guest.table.set_priority(1, 0), Errno::eopnotsupp));
    EXPECT_TRUE(fails_with(guest.table.init_control(frame, 0, 2), Errno::enoent));
    EXPECT_TRUE(fails_with(guest.table.init_control(frame, 4, 0), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.init_control(frame, page_size - 64, 0), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.init_control(frame, ~0u & ~7u, 0), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.init_control(Mfn{1u << 30}, 0, 0), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.init_control(invalid_mfn, 0, 0), Errno::einval));
    {
        Owner other(DomainId{9});
        EXPECT_TRUE(fails_with(guest.table.init_control(other.frame(), 0, 0), Errno::einval)) << "not its frame";
    }
    EXPECT_FALSE(guest.table.uses_fifo());
    EXPECT_EQ(Owner::references(frame), 1u) << "nothing is left behind by refusals";

    EXPECT_TRUE(guest.table.init_control(frame, page_size - sizeof(xen::evtchn_fifo_control_block), 0));
    EXPECT_TRUE(guest.table.uses_fifo());
    EXPECT_TRUE(fails_with(guest.table.init_control(frame, 0, 0), Errno::einval)) << "once per vCPU";
    EXPECT_TRUE(guest.table.init_control(frame, 0, 1)) << "two blocks may share a page";
    EXPECT_TRUE(fails_with(guest.table.expand_array(invalid_mfn), Errno::einval));
    Port const port = guest.table.bind_ipi(0).value();
    EXPECT_TRUE(fails_with(guest.table.set_priority(port, 16), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.set_priority(port + 1, 3), Errno::einval));
    EXPECT_TRUE(guest.table.set_priority(port, 15));
    for (unsigned page = 0; page < Fifo::max_pages; ++page)
        ASSERT_TRUE(guest.table.expand_array(guest.owner.frame())) << page;
    EXPECT_TRUE(fails_with(guest.table.expand_array(guest.owner.frame()), Errno::enospc));
}

TEST(FifoSetup, EventsThatArePendingGoAlong)
{
    Guest guest(1);
    Port const early = guest.table.bind_ipi(0).value();
    Port const quiet = guest.table.bind_ipi(0).value();
    EXPECT_TRUE(guest.table.send(early));
    guest.take_two_level(1);
    Mfn const frame = guest.owner.frame();
    guest.control.push_back(direct_as<xen::evtchn_fifo_control_block>(frame));
    ASSERT_TRUE(guest.table.init_control(frame, 0, 0));
    EXPECT_TRUE(guest.table.send(early)) << "again, while there is no word yet";
    Port const ports[] = {early};
    EXPECT_EQ(guest.table.any_pending(ports), true) << "remembered";
    guest.add_words();
    EXPECT_EQ(guest.word(early).load(), pending | linked);
    EXPECT_EQ(guest.word(quiet).load(), 0u);
    EXPECT_EQ(guest.take_fifo(0), std::vector{early});
}

TEST(FifoSetup, APortBeyondTheArrayIsRememberedUntilItsPageComes)
{
    Guest guest(1, 1);
    guest.use_fifo(1);
    Port last = 0;
    while (last < Fifo::words_per_page + 5)
        last = guest.table.bind_ipi(0).value();
    Port const polled[] = {last};
    EXPECT_EQ(guest.table.begin_poll(0, polled), false);
    EXPECT_TRUE(guest.table.send(last));
    EXPECT_EQ(guest.sink.take(0), 1u) << "polling works without a word, too";
    EXPECT_TRUE(guest.table.send(last - 1));
    EXPECT_TRUE(guest.take_fifo(0).empty());
    EXPECT_TRUE(guest.table.close(last - 1)) << "closing forgets";
    guest.add_words();
    EXPECT_EQ(guest.take_fifo(0), std::vector{last});
}

TEST_F(FifoDelivery, QueuesKeepTheOrder)
{
    guest.sink.take(0);
    for (Port port : {ports[3], ports[1], ports[4], ports[1]})
        send(port);
    EXPECT_EQ(guest.sink.take(0), 1u) << "one upcall for a growing queue";
    EXPECT_EQ(guest.control[0]->ready, 1u << xen::EVTCHN_FIFO_PRIORITY_DEFAULT);
    EXPECT_EQ(guest.control[0]->head[7], ports[3]);
    EXPECT_EQ(guest.word(ports[3]).load() & link_mask, ports[1]);
    EXPECT_EQ(guest.word(ports[1]).load() & link_mask, ports[4]);
    EXPECT_EQ(guest.word(ports[4]).load() & link_mask, 0u);
    EXPECT_EQ(guest.take_fifo(0), (std::vector{ports[3], ports[1], ports[4]}));
    send(ports[4]); // the old tail, now alone
    send(ports[3]);
    EXPECT_EQ(guest.take_fifo(0), (std::vector{ports[4], ports[3]}));
}

TEST_F(FifoDelivery, ALinkReplacesWhatTheGuestLeftInTheField)
{
    send(ports[0]);
    guest.word(ports[0]).fetch_or(0x1ffff);
    send(ports[1]);
    EXPECT_EQ(guest.word(ports[0]).load() & link_mask, ports[1]);
    EXPECT_EQ(guest.take_fifo(0), (std::vector{ports[0], ports[1]}));
}

TEST_F(FifoDelivery, HigherPrioritiesComeFirst)
{
    ASSERT_TRUE(guest.table.set_priority(ports[2], 0));
    ASSERT_TRUE(guest.table.set_priority(ports[0], 15));
    for (Port port : {ports[0], ports[1], ports[2]})
        send(port);
    EXPECT_EQ(guest.take_fifo(0), (std::vector{ports[2], ports[1], ports[0]}));
}

TEST_F(FifoDelivery, MaskedEventsAreNotLinkedUntilUnmask)
{
    guest.word(ports[0]).fetch_or(masked);
    guest.sink.take(0);
    send(ports[0]);
    EXPECT_EQ(guest.word(ports[0]).load(), pending | masked);
    EXPECT_EQ(guest.sink.take(0), 0u);
    EXPECT_TRUE(guest.table.unmask(ports[0]));
    EXPECT_EQ(guest.word(ports[0]).load(), pending | linked);
    EXPECT_EQ(guest.sink.take(0), 1u);
    EXPECT_EQ(guest.take_fifo(0), std::vector{ports[0]});
    EXPECT_TRUE(guest.table.unmask(ports[0]));
    EXPECT_EQ(guest.word(ports[0]).load(), 0u);
}

TEST_F(FifoDelivery, APollerOfAMaskedPortIsWoken)
{
    guest.word(ports[0]).fetch_or(masked);
    Port const polled[] = {ports[0]};
    EXPECT_EQ(guest.table.begin_poll(1, polled), false);
    send(ports[0]);
    EXPECT_EQ(guest.sink.take(1), 1u);
    EXPECT_EQ(guest.table.begin_poll(1, polled), true);
}

TEST_F(FifoDelivery, AMovedTailDoesNotPullItsOldQueueAlong)
{
    send(ports[0]);
    send(ports[1]); // tail of vCPU 0's queue
    EXPECT_EQ(guest.take_fifo(0), (std::vector{ports[0], ports[1]}));
    ASSERT_TRUE(guest.table.bind_vcpu(ports[2] = guest.table.alloc_unbound(DomainId{1}).value(), 1));
    Port const peer = guest.table.bind_interdomain(guest.table, ports[2]).value();
    send(peer);
    EXPECT_EQ(guest.take_fifo(1), std::vector{ports[2]});
    // ports[2] ends vCPU 1's queue in the hypervisor's memory; it moves to vCPU 0 and is queued there.
    ASSERT_TRUE(guest.table.bind_vcpu(ports[2], 0));
    send(peer);
    // Something for vCPU 1 must not be linked behind it.
    Port const other = guest.table.bind_ipi(1).value();
    send(other);
    guest.sink.take(1);
    EXPECT_EQ(guest.control[1]->head[7], other);
    EXPECT_EQ(guest.take_fifo(1), std::vector{other});
    EXPECT_EQ(guest.take_fifo(0), (std::vector{peer, ports[2]}));
}

TEST_F(FifoDelivery, APortThatIsStillQueuedIsNotHandedOutAgain)
{
    send(ports[0]);
    EXPECT_TRUE(guest.table.close(ports[0]));
    EXPECT_EQ(guest.word(ports[0]).load(), linked) << "not pending any more, but in the queue";
    EXPECT_EQ(guest.table.bind_ipi(0), ports[5] + 1);
    EXPECT_TRUE(guest.take_fifo(0).empty());
    EXPECT_EQ(guest.table.bind_ipi(0), ports[0]);
}

TEST_F(FifoDelivery, AVcpuWithoutControlBlockOnlyCollectsPendingBits)
{
    Guest late(2, 2);
    Mfn const frame = late.owner.frame();
    ASSERT_TRUE(late.table.init_control(frame, 0, 0));
    late.add_words();
    Port const port = late.table.bind_ipi(1).value();
    EXPECT_TRUE(late.table.send(port));
    EXPECT_EQ(late.word(port).load(), pending);
    EXPECT_EQ(late.sink.take(1), 0u);
}

TEST_F(FifoDelivery, HostileWordsLoseOnlyTheirOwnEvents)
{
    // Links that point nowhere, to themselves, beyond the array; BUSY left set; heads of rubbish.
    for (std::uint32_t garbage : {~0u, linked | link_mask, linked | ports[1], busy | linked | 5u, link_mask, busy, 0u}) {
        for (unsigned index = 0; index < Fifo::words_per_page; ++index)
            guest.word(index).store(garbage);
        std::memset(guest.control[0], 0xee, sizeof(xen::evtchn_fifo_control_block));
        for (Port port : ports) {
            send(port);
            EXPECT_TRUE(guest.table.unmask(port));
        }
        for (Port port : ports)
            EXPECT_EQ(guest.word(port).load() >> xen::EVTCHN_FIFO_PENDING & 1, 1u);
    }
    // Back in order after the guest puts its own memory in order and takes what is queued.
    for (unsigned index = 0; index < Fifo::words_per_page; ++index)
        guest.word(index).store(0);
    std::memset(guest.control[0], 0, sizeof(xen::evtchn_fifo_control_block));
    send(ports[2]);
    send(ports[3]);
    EXPECT_EQ(guest.take_fifo(0), (std::vector{ports[2], ports[3]}));
}

} // namespace
} // namespace rf::event_tests
