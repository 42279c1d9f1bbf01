// SPDX-License-Identifier: MIT
/// Story: guests open, connect and close ports in every legal and illegal way. What the table answers must be the numbers
/// that the ABI promises; a wrong one shows as a kernel BUG or as a port that another domain could seize.
#include "world.hpp"

namespace rf::event_tests {
namespace {

TEST(EventBinding, PortsAreHandedOutLowestFirstAndZeroNever)
{
    Guest guest(1);
    EXPECT_EQ(guest.table.alloc_unbound(DomainId{2}), Port{1});
    EXPECT_EQ(guest.table.alloc_unbound(DomainId{2}), Port{2});
    EXPECT_EQ(guest.table.bind_ipi(1), Port{3});
    EXPECT_TRUE(guest.table.close(2));
    EXPECT_EQ(guest.table.alloc_unbound(DomainId{2}), Port{2});
    for (Port port = 4; port < 700; ++port)
        EXPECT_EQ(guest.table.bind_ipi(0), port);
    EXPECT_TRUE(guest.table.close(130));
    EXPECT_TRUE(guest.table.close(129));
    EXPECT_EQ(guest.table.bind_ipi(0), Port{129});
    EXPECT_EQ(guest.table.bind_ipi(0), Port{130});
    EXPECT_EQ(guest.table.bind_ipi(0), Port{700});
    EXPECT_TRUE(fails_with(guest.table.close(0), Errno::einval));
    EXPECT_EQ(guest.table.status(0)->status, xen::EVTCHNSTAT_closed);
}

TEST(EventBinding, DomainLimitIsTheHighestPort)
{
    Guest guest(1, 1, 10);
    for (Port port = 1; port <= 10; ++port)
        EXPECT_EQ(guest.table.bind_ipi(0), port);
    EXPECT_TRUE(fails_with(guest.table.bind_ipi(0), Errno::enospc));
    EXPECT_TRUE(guest.table.close(5));
    EXPECT_EQ(guest.table.bind_ipi(0), Port{5});
}

TEST(EventBinding, TwoLevelEndsAt4096AndFifoGoesOn)
{
    Guest guest(1, 1);
    for (Port port = 1; port < xen::EVTCHN_2L_NR_CHANNELS; ++port)
        ASSERT_EQ(guest.table.bind_ipi(0), port);
    EXPECT_TRUE(fails_with(guest.table.bind_ipi(0), Errno::enospc));
    guest.use_fifo();
    EXPECT_EQ(guest.table.bind_ipi(0), Port{4096});
}

TEST(EventBinding, OnlyTheChosenDomainMayConnectAndOnlyOnce)
{
    Guest a(1), b(2), c(3);
    Port const offered = b.table.alloc_unbound(DomainId{1}).value();
    EXPECT_TRUE(fails_with(c.table.bind_interdomain(b.table, offered), Errno::einval));
    EXPECT_TRUE(fails_with(a.table.bind_interdomain(b.table, offered + 1), Errno::einval));
    EXPECT_TRUE(fails_with(a.table.bind_interdomain(b.table, 0), Errno::einval));
    EXPECT_TRUE(fails_with(a.table.bind_interdomain(b.table, ~0u), Errno::einval));
    EXPECT_EQ(a.table.open_channels(), 0u);

    Port const local = a.table.bind_interdomain(b.table, offered).value();
    EXPECT_TRUE(a.pending_bit(local)) << "a new connection is pending at once";
    EXPECT_EQ(a.sink.take(0), 1u);
    EXPECT_FALSE(b.pending_bit(offered));
    EXPECT_TRUE(fails_with(a.table.bind_interdomain(b.table, offered), Errno::einval));

    auto const near = a.table.status(local).value();
    EXPECT_EQ(near.status, xen::EVTCHNSTAT_interdomain);
    EXPECT_EQ(near.u.interdomain.dom, 2);
    EXPECT_EQ(near.u.interdomain.port, offered);
    auto const far = b.table.status(offered).value();
    EXPECT_EQ(far.status, xen::EVTCHNSTAT_interdomain);
    EXPECT_EQ(far.u.interdomain.dom, 1);
    EXPECT_EQ(far.u.interdomain.port, local);
}

TEST(EventBinding, ClosingOneEndLeavesTheOtherWaitingForTheSameDomain)
{
    Guest a(1), b(2), c(3);
    Link const link = connect(a, b);
    EXPECT_TRUE(a.table.close(link.a));
    EXPECT_FALSE(a.pending_bit(link.a)) << "closing takes the pending bit away";
    auto const far = b.table.status(link.b).value();
    EXPECT_EQ(far.status, xen::EVTCHNSTAT_unbound);
    EXPECT_EQ(far.u.unbound.dom, 1);
    EXPECT_TRUE(b.table.send(link.b)) << "sending into the void succeeds";
    EXPECT_TRUE(fails_with(c.table.bind_interdomain(b.table, link.b), Errno::einval));
    EXPECT_TRUE(a.table.bind_interdomain(b.table, link.b));
    EXPECT_TRUE(fails_with(a.table.close(77), Errno::einval));
    EXPECT_TRUE(fails_with(a.table.close(70000), Errno::einval));
}

TEST(EventBinding, ADomainMayConnectToItself)
{
    Guest guest(1);
    Link const link = connect(guest, guest);
    EXPECT_NE(link.a, link.b);
    guest.take_two_level(0);
    EXPECT_TRUE(guest.table.send(link.a));
    EXPECT_EQ(guest.take_two_level(0), std::vector{link.b});
    EXPECT_TRUE(guest.table.close(link.b));
    EXPECT_EQ(guest.table.status(link.a)->status, xen::EVTCHNSTAT_unbound);
    EXPECT_EQ(guest.table.status(link.a)->u.unbound.dom, 1);
}

TEST(EventBinding, VirtualInterrupts)
{
    Guest guest(1);
    EXPECT_TRUE(fails_with(guest.table.bind_virq(xen::NR_VIRQS, 0), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.bind_virq(~0u, 0), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.bind_virq(xen::VIRQ_CONSOLE, 1), Errno::einval)) << "global: vCPU 0 only";
    EXPECT_TRUE(fails_with(guest.table.bind_virq(xen::VIRQ_TIMER, 2), Errno::enoent));
    EXPECT_TRUE(fails_with(guest.table.bind_virq(xen::VIRQ_TIMER, ~0u), Errno::enoent));
    Port const timer0 = guest.table.bind_virq(xen::VIRQ_TIMER, 0).value();
    Port const timer1 = guest.table.bind_virq(xen::VIRQ_TIMER, 1).value();
    EXPECT_TRUE(fails_with(guest.table.bind_virq(xen::VIRQ_TIMER, 1), Errno::eexist));
    EXPECT_TRUE(guest.table.bind_virq(xen::VIRQ_MCA, 0)) << "valid numbers bind even if nobody raises them";

    auto const seen = guest.table.status(timer1).value();
    EXPECT_EQ(seen.status, xen::EVTCHNSTAT_virq);
    EXPECT_EQ(seen.u.virq, xen::VIRQ_TIMER);
    EXPECT_EQ(seen.vcpu, 1u);
    EXPECT_TRUE(fails_with(guest.table.send(timer0), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.bind_vcpu(timer0, 1), Errno::einval));

    guest.table.raise_virq(1, xen::VIRQ_TIMER);
    EXPECT_FALSE(guest.pending_bit(timer0));
    EXPECT_EQ(guest.take_two_level(1), std::vector{timer1});
    EXPECT_TRUE(guest.table.close(timer1));
    guest.table.raise_virq(1, xen::VIRQ_TIMER);
    guest.table.raise_virq(63, xen::VIRQ_TIMER);
    guest.table.raise_virq(0, 5000);
    EXPECT_FALSE(guest.pending_bit(timer1));
    EXPECT_EQ(guest.table.bind_virq(xen::VIRQ_TIMER, 1), timer1);
}

TEST(EventBinding, GlobalVirtualInterruptsGoToTheControlDomainAndMayMoveBetweenItsVcpus)
{
    Guest other(5);
    registry.raise_global(xen::VIRQ_DOM_EXC); // no control domain: nothing happens
    {
        Guest control(0);
        Port const port = control.table.bind_virq(xen::VIRQ_DOM_EXC, 0).value();
        EXPECT_TRUE(other.table.bind_virq(xen::VIRQ_DOM_EXC, 0));
        EXPECT_TRUE(control.table.bind_vcpu(port, 1));
        control.sink.take(0);
        registry.raise_global(xen::VIRQ_DOM_EXC);
        EXPECT_EQ(control.sink.take(0), 0u);
        EXPECT_EQ(control.sink.take(1), 1u);
        EXPECT_EQ(control.take_two_level(1), std::vector{port});
        EXPECT_EQ(other.take_two_level(0), std::vector<Port>{});
        EXPECT_TRUE(control.table.close(port));
        EXPECT_TRUE(control.table.bind_virq(xen::VIRQ_DOM_EXC, 0)) << "a moved binding is gone after close";
    }
}

TEST(EventBinding, PhysicalInterrupts)
{
    Guest guest(1);
    EXPECT_TRUE(fails_with(guest.table.bind_pirq(9, Sharing::exclusive), Errno::eperm));
    RecordingPirqs pirqs;
    ASSERT_TRUE(guest.table.allow_pirqs(pirqs, 32));
    EXPECT_TRUE(fails_with(guest.table.bind_pirq(32, Sharing::exclusive), Errno::einval));
    pirqs.refusal = Errno::ebusy;
    EXPECT_TRUE(fails_with(guest.table.bind_pirq(9, Sharing::exclusive), Errno::ebusy));
    EXPECT_EQ(guest.table.open_channels(), 0u);
    pirqs.refusal = {};
    Port const port = guest.table.bind_pirq(9, Sharing::shareable).value();
    EXPECT_TRUE(fails_with(guest.table.bind_pirq(9, Sharing::shareable), Errno::eexist));
    EXPECT_EQ(pirqs.bound, std::vector{9u});
    EXPECT_EQ(guest.table.status(port)->status, xen::EVTCHNSTAT_pirq);
    EXPECT_EQ(guest.table.status(port)->u.pirq, 9u);
    EXPECT_TRUE(fails_with(guest.table.send(port), Errno::einval));
    EXPECT_TRUE(guest.table.bind_vcpu(port, 1));
    EXPECT_EQ(pirqs.affinity, (std::vector<std::pair<std::uint32_t, VcpuId>>{{9, 1}}));

    guest.table.pirq_fired(9);
    EXPECT_EQ(guest.take_two_level(1), std::vector{port});
    guest.table.pirq_fired(10);
    guest.table.pirq_fired(1u << 30);
    EXPECT_TRUE(guest.table.close(port));
    EXPECT_TRUE(pirqs.bound.empty());
    guest.table.pirq_fired(9);
    EXPECT_FALSE(guest.pending_bit(port));
}

TEST(EventBinding, InterruptsBetweenVcpus)
{
    Guest guest(1);
    EXPECT_TRUE(fails_with(guest.table.bind_ipi(2), Errno::enoent));
    EXPECT_TRUE(fails_with(guest.table.bind_ipi(~0u), Errno::enoent));
    Port const port = guest.table.bind_ipi(1).value();
    EXPECT_EQ(guest.table.status(port)->status, xen::EVTCHNSTAT_ipi);
    EXPECT_EQ(guest.table.status(port)->vcpu, 1u);
    EXPECT_TRUE(fails_with(guest.table.bind_vcpu(port, 0), Errno::einval));
    EXPECT_TRUE(guest.table.send(port));
    EXPECT_EQ(guest.take_two_level(1), std::vector{port});
}

TEST(EventBinding, PortsMoveBetweenVcpus)
{
    Guest a(1), b(2);
    Link const link = connect(a, b);
    EXPECT_TRUE(fails_with(b.table.bind_vcpu(link.b, 2), Errno::enoent));
    EXPECT_TRUE(fails_with(b.table.bind_vcpu(link.b + 1, 1), Errno::einval));
    EXPECT_TRUE(fails_with(b.table.bind_vcpu(0, 1), Errno::einval));
    EXPECT_TRUE(b.table.bind_vcpu(link.b, 1));
    EXPECT_TRUE(a.table.send(link.a));
    EXPECT_EQ(b.sink.take(0), 0u);
    EXPECT_EQ(b.sink.take(1), 1u);
    EXPECT_EQ(b.table.status(link.b)->vcpu, 1u);
}

TEST(EventBinding, StatusEndsWhereThePortsEnd)
{
    Guest guest(1);
    EXPECT_EQ(guest.table.status(channels_per_bucket - 1)->status, xen::EVTCHNSTAT_closed);
    EXPECT_TRUE(fails_with(guest.table.status(channels_per_bucket), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.status(~0u), Errno::einval));
    EXPECT_TRUE(fails_with(guest.table.unmask(channels_per_bucket), Errno::einval));
    EXPECT_TRUE(guest.table.unmask(5)) << "a closed port has nothing to deliver";
    EXPECT_TRUE(fails_with(guest.table.send(5), Errno::einval));
}

TEST(EventBinding, AnIdIsRegisteredOnce)
{
    Guest guest(1);
    RecordingSink sink;
    EventTable twin(DomainId{1}, sink, guest.owner.memory.structures);
    EXPECT_TRUE(fails_with(twin.init(guest.page, 100, 1), Errno::eexist));
    EXPECT_TRUE(registry.find(DomainId{1}));
    EXPECT_TRUE(fails_with(registry.find(DomainId{4}), Errno::esrch));
    EXPECT_TRUE(fails_with(registry.find(domid_self), Errno::esrch));
}

} // namespace
} // namespace rf::event_tests
