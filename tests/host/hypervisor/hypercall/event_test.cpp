// SPDX-License-Identifier: MIT
// event_channel_op as guests call it: every operation, every refusal with the number that Xen gives, whose ports one may
// touch, and that nothing stays open when the caller cannot be told its number.
#include "world.hpp"

#include "fake_state.hpp"
#include "xen/event.h"

namespace rf::hypercall_tests {
namespace {

class EventCalls : public World {
protected:
    template <class Argument>
    std::int64_t call(std::uint32_t operation, Argument& argument)
    {
        return run(hypercall::event_channel_op, operation, &argument);
    }
    std::int64_t on_port(std::uint32_t operation, Port port)
    {
        return call(operation, port); // close, send and unmask take nothing else
    }
    xen::evtchn_status status(Port port, DomainId id = domid_self)
    {
        xen::evtchn_status asked{};
        asked.dom = id.value;
        asked.port = port;
        EXPECT_EQ(call(xen::EVTCHNOP_status, asked), 0);
        EXPECT_EQ(asked.dom, id.value) << "as it was asked";
        return asked;
    }
    Port unbound(DomainId owner, DomainId remote)
    {
        xen::evtchn_alloc_unbound made{owner.value, remote.value, 0};
        EXPECT_EQ(call(xen::EVTCHNOP_alloc_unbound, made), 0);
        return made.port;
    }
    Port ipi()
    {
        xen::evtchn_bind_ipi made{0, 0};
        EXPECT_EQ(call(xen::EVTCHNOP_bind_ipi, made), 0);
        return made.port;
    }
    static bool take_pending(domain::Domain& domain, Port port)
    {
        std::uint64_t& word = domain.shared_info()->evtchn_pending[port / 64];
        bool const was = word >> port % 64 & 1;
        word &= ~(1ull << port % 64);
        return was;
    }
    static std::uint32_t open(domain::Domain& domain) { return domain.events.open_channels(); }
};

TEST_F(EventCalls, ArgumentsThatFaultHaveNoEffect)
{
    for (std::uint32_t operation = xen::EVTCHNOP_bind_interdomain; operation <= xen::EVTCHNOP_set_priority; ++operation)
        EXPECT_EQ(run(hypercall::event_channel_op, operation, reinterpret_cast<void*>(0x1000)), to_guest(Errno::efault))
            << operation;
    std::uint64_t argument[3]{};
    for (std::uint32_t operation : {14u, 15u, ~0u})
        EXPECT_EQ(call(operation, argument), to_guest(Errno::enosys)) << operation;
    EXPECT_EQ(open(*control), 0u);
}

TEST_F(EventCalls, TwoDomainsMeet)
{
    Port const far = unbound(guest_id, domid_self);
    EXPECT_NE(far, 0u);
    EXPECT_EQ(open(*guest), 1u) << "made in the guest's table";
    auto told = status(far, guest_id);
    EXPECT_EQ(told.status, xen::EVTCHNSTAT_unbound);
    EXPECT_EQ(told.u.unbound.dom, domain_zero.value);

    xen::evtchn_bind_interdomain bind{guest_id.value, far + 1, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_interdomain, bind), to_guest(Errno::einval)) << "no such port";
    bind.remote_dom = 4242;
    EXPECT_EQ(call(xen::EVTCHNOP_bind_interdomain, bind), to_guest(Errno::esrch));
    bind = {guest_id.value, far, 0};
    ASSERT_EQ(call(xen::EVTCHNOP_bind_interdomain, bind), 0);
    EXPECT_TRUE(take_pending(*control, bind.local_port)) << "what was sent before counts";
    told = status(bind.local_port);
    EXPECT_EQ(told.status, xen::EVTCHNSTAT_interdomain);
    EXPECT_EQ(told.u.interdomain.dom, guest_id.value);
    EXPECT_EQ(told.u.interdomain.port, far);
    EXPECT_EQ(call(xen::EVTCHNOP_bind_interdomain, bind), to_guest(Errno::einval)) << "bound already";

    EXPECT_EQ(on_port(xen::EVTCHNOP_send, bind.local_port), 0);
    EXPECT_TRUE(take_pending(*guest, far));
    EXPECT_FALSE(take_pending(*control, bind.local_port));
    caller = guest;
    EXPECT_EQ(on_port(xen::EVTCHNOP_send, far), 0);
    EXPECT_TRUE(take_pending(*control, bind.local_port));
    caller = control;
    EXPECT_EQ(on_port(xen::EVTCHNOP_close, bind.local_port), 0);
    EXPECT_EQ(status(far, guest_id).status, xen::EVTCHNSTAT_unbound) << "kept for the same domain";
    EXPECT_EQ(on_port(xen::EVTCHNOP_close, bind.local_port), to_guest(Errno::einval));
}

TEST_F(EventCalls, AGuestTouchesOnlyItsOwnPorts)
{
    Port const reserved = unbound(domid_self, domid_self);
    caller = guest;
    xen::evtchn_alloc_unbound made{domain_zero.value, guest_id.value, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_alloc_unbound, made), to_guest(Errno::eperm));
    made.dom = 4242;
    EXPECT_EQ(call(xen::EVTCHNOP_alloc_unbound, made), to_guest(Errno::eperm)) << "nor learns who lives";
    xen::evtchn_bind_interdomain bind{domain_zero.value, reserved, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_interdomain, bind), to_guest(Errno::einval)) << "kept for another";
    xen::evtchn_status asked{};
    asked.dom = domain_zero.value;
    asked.port = reserved;
    EXPECT_EQ(call(xen::EVTCHNOP_status, asked), to_guest(Errno::eperm));
    xen::evtchn_reset reset{domain_zero.value};
    EXPECT_EQ(call(xen::EVTCHNOP_reset, reset), to_guest(Errno::eperm));
    EXPECT_EQ(open(*guest), 0u);
    EXPECT_EQ(open(*control), 1u);

    // Within oneself both ends are one's own.
    Port const near = unbound(guest_id, guest_id);
    bind = {domid_self.value, near, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_interdomain, bind), 0);
    EXPECT_EQ(status(near).u.interdomain.port, bind.local_port);
    caller = control;
    made.dom = 4242;
    EXPECT_EQ(call(xen::EVTCHNOP_alloc_unbound, made), to_guest(Errno::esrch));
    asked.dom = 4242;
    EXPECT_EQ(call(xen::EVTCHNOP_status, asked), to_guest(Errno::esrch));
}

TEST_F(EventCalls, VirtualInterrupts)
{
    caller = guest;
    auto const bind = [&](std::uint32_t virq, std::uint32_t vcpu) {
        xen::evtchn_bind_virq made{virq, vcpu, 0};
        std::int64_t const result = call(xen::EVTCHNOP_bind_virq, made);
        return result ? result : made.port;
    };
    std::int64_t const timer = bind(xen::VIRQ_TIMER, 0);
    ASSERT_GT(timer, 0);
    auto const port = static_cast<Port>(timer);
    EXPECT_EQ(bind(xen::VIRQ_TIMER, 0), to_guest(Errno::eexist));
    EXPECT_EQ(bind(xen::VIRQ_TIMER, 1), to_guest(Errno::enoent));
    EXPECT_EQ(bind(xen::VIRQ_DOM_EXC, 1), to_guest(Errno::einval)) << "global ones are bound through vCPU 0";
    EXPECT_EQ(bind(xen::NR_VIRQS, 0), to_guest(Errno::einval));
    EXPECT_EQ(status(port).status, xen::EVTCHNSTAT_virq);
    EXPECT_EQ(status(port).u.virq, xen::VIRQ_TIMER);

    guest->vcpu(0)->timer_expired();
    EXPECT_TRUE(take_pending(*guest, port));
    EXPECT_EQ(on_port(xen::EVTCHNOP_send, port), to_guest(Errno::einval)) << "only the hypervisor raises it";

    xen::evtchn_bind_vcpu move{port, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_vcpu, move), to_guest(Errno::einval)) << "one per vCPU: it stays there";
    std::int64_t const global = bind(xen::VIRQ_DEBUGGER, 0);
    ASSERT_GT(global, 0);
    move.port = static_cast<Port>(global);
    EXPECT_EQ(call(xen::EVTCHNOP_bind_vcpu, move), 0);
    move.vcpu = 1;
    EXPECT_EQ(call(xen::EVTCHNOP_bind_vcpu, move), to_guest(Errno::enoent));
    move = {900, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_vcpu, move), to_guest(Errno::einval));
    EXPECT_EQ(on_port(xen::EVTCHNOP_close, port), 0);
    EXPECT_EQ(bind(xen::VIRQ_TIMER, 0), timer) << "free again";
}

TEST_F(EventCalls, BetweenVcpusMaskedAndUnmasked)
{
    caller = guest;
    xen::evtchn_bind_ipi nobody{1, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_ipi, nobody), to_guest(Errno::enoent));
    Port const port = ipi();
    EXPECT_EQ(status(port).status, xen::EVTCHNSTAT_ipi);
    xen::evtchn_bind_vcpu move{port, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_vcpu, move), to_guest(Errno::einval));

    xen::vcpu_info& info = guest->vcpu(0)->events.info();
    guest->shared_info()->evtchn_mask[0] |= 1ull << port;
    EXPECT_EQ(on_port(xen::EVTCHNOP_send, port), 0);
    EXPECT_EQ(info.evtchn_upcall_pending, 0) << "masked";
    EXPECT_EQ(on_port(xen::EVTCHNOP_unmask, port), 0);
    EXPECT_EQ(info.evtchn_upcall_pending, 1);
    EXPECT_EQ(guest->shared_info()->evtchn_mask[0] >> port & 1, 0u);
    EXPECT_TRUE(take_pending(*guest, port));

    EXPECT_EQ(on_port(xen::EVTCHNOP_close, port), 0);
    for (Port const gone : {port, Port{0}, Port{900}, ~Port{0}}) {
        EXPECT_EQ(on_port(xen::EVTCHNOP_send, gone), to_guest(Errno::einval)) << gone;
        EXPECT_EQ(on_port(xen::EVTCHNOP_close, gone), to_guest(Errno::einval)) << gone;
    }
    EXPECT_EQ(on_port(xen::EVTCHNOP_unmask, ~Port{0}), to_guest(Errno::einval));
    EXPECT_EQ(status(port).status, xen::EVTCHNSTAT_closed);
    xen::evtchn_status asked{};
    asked.dom = domid_self.value;
    asked.port = 1u << 20;
    EXPECT_EQ(call(xen::EVTCHNOP_status, asked), to_guest(Errno::einval));
}

TEST_F(EventCalls, PhysicalInterruptsAreDom0sAndMappedFirst)
{
    xen::evtchn_bind_pirq made{dev::PirqTable::limit, 0, 0};
    EXPECT_EQ(call(xen::EVTCHNOP_bind_pirq, made), to_guest(Errno::einval));
    for (std::uint32_t flags : {0u, std::uint32_t{xen::BIND_PIRQ__WILL_SHARE}}) {
        made = {5, flags, 0};
        EXPECT_EQ(call(xen::EVTCHNOP_bind_pirq, made), to_guest(Errno::einval)) << "not mapped";
    }
    caller = guest;
    EXPECT_EQ(call(xen::EVTCHNOP_bind_pirq, made), to_guest(Errno::eperm));
    EXPECT_EQ(open(*control) + open(*guest), 0u);
}

TEST_F(EventCalls, PortsThatCannotBeToldAreClosed)
{
    Port const far = unbound(guest_id, domid_self);
    auto const untold = [&](std::uint32_t operation, auto argument) {
        auto const before = argument;
        cpu::ReadOnly const locked{argument};
        EXPECT_EQ(call(operation, argument), to_guest(Errno::efault)) << operation;
        EXPECT_EQ(open(*control), 0u) << operation;
        EXPECT_EQ(std::memcmp(&before, &argument, sizeof before), 0);
    };
    untold(xen::EVTCHNOP_alloc_unbound, xen::evtchn_alloc_unbound{domid_self.value, guest_id.value, 0});
    untold(xen::EVTCHNOP_bind_interdomain, xen::evtchn_bind_interdomain{guest_id.value, far, 0});
    untold(xen::EVTCHNOP_bind_virq, xen::evtchn_bind_virq{xen::VIRQ_DEBUG, 0, 0});
    untold(xen::EVTCHNOP_bind_virq, xen::evtchn_bind_virq{xen::VIRQ_DEBUG, 0, 0});
    untold(xen::EVTCHNOP_bind_ipi, xen::evtchn_bind_ipi{0, 0});
    EXPECT_EQ(status(far, guest_id).status, xen::EVTCHNSTAT_unbound) << "can be bound again";
    EXPECT_EQ(open(*guest), 1u);
}

TEST_F(EventCalls, ResetClosesAllInPieces)
{
    caller = guest;
    for (unsigned i = 0; i < 600; ++i)
        ASSERT_NE(ipi(), 0u);
    xen::evtchn_reset reset{domid_self.value};
    EXPECT_EQ(call(xen::EVTCHNOP_reset, reset), 0);
    EXPECT_GE(segments, 2u);
    EXPECT_EQ(open(*guest), 0u);

    EXPECT_EQ(ipi(), 1u) << "numbers start anew";
    caller = control;
    reset.dom = guest_id.value;
    EXPECT_EQ(call(xen::EVTCHNOP_reset, reset), to_guest(Errno::einval)) << "it runs";
    EXPECT_EQ(open(*guest), 1u);
    guest->pause();
    EXPECT_EQ(call(xen::EVTCHNOP_reset, reset), 0);
    EXPECT_EQ(open(*guest), 0u);
    reset.dom = 4242;
    EXPECT_EQ(call(xen::EVTCHNOP_reset, reset), to_guest(Errno::esrch));
}

TEST_F(EventCalls, TheOtherAbi)
{
    caller = guest;
    auto const frames = std::array{guest->memory.allocate(0).value(), guest->memory.allocate(0).value()};
    std::memset(direct(frames[0]), 0, page_size);
    std::memset(direct(frames[1]), 0, page_size);
    Port const port = ipi();
    xen::evtchn_set_priority priority{port, 3};
    xen::evtchn_expand_array expand{frames[1].value};
    EXPECT_EQ(call(xen::EVTCHNOP_set_priority, priority), to_guest(Errno::eopnotsupp));
    EXPECT_EQ(call(xen::EVTCHNOP_expand_array, expand), to_guest(Errno::eopnotsupp));

    auto const init = [&](Mfn frame, std::uint32_t offset, std::uint32_t vcpu) {
        xen::evtchn_init_control made{};
        made.control_gfn = frame.value;
        made.offset = offset;
        made.vcpu = vcpu;
        std::int64_t const result = call(xen::EVTCHNOP_init_control, made);
        EXPECT_EQ(made.link_bits, result ? 0 : 17);
        return result;
    };
    EXPECT_EQ(init(frames[0], 0, 1), to_guest(Errno::enoent));
    EXPECT_EQ(init(frames[0], 4, 0), to_guest(Errno::einval)) << "not a multiple of 8";
    EXPECT_EQ(init(frames[0], 4096 - 64, 0), to_guest(Errno::einval)) << "crosses the page's end";
    EXPECT_EQ(init(control->shared_info_frame(), 0, 0), to_guest(Errno::einval)) << "another's";
    EXPECT_EQ(init(frames[0], 8, 0), 0);
    EXPECT_EQ(init(frames[0], 8, 0), to_guest(Errno::einval)) << "twice";

    EXPECT_EQ(call(xen::EVTCHNOP_expand_array, expand), 0);
    EXPECT_EQ(call(xen::EVTCHNOP_set_priority, priority), 0);
    EXPECT_EQ(on_port(xen::EVTCHNOP_send, port), 0);
    EXPECT_TRUE(direct_as<xen::event_word_t>(frames[1])[port] >> xen::EVTCHN_FIFO_PENDING & 1);
    auto const& block = *reinterpret_cast<xen::evtchn_fifo_control_block*>(direct(frames[0]) + 8);
    EXPECT_EQ(block.ready, 1u << 3) << "in the queue that was chosen";
    EXPECT_EQ(block.head[3], port);
    unsigned uses = 0;
    guest->events.for_each_frame([&](Mfn frame) { uses += frame == frames[0] || frame == frames[1]; });
    EXPECT_EQ(uses, 2u);
    priority.priority = 16;
    EXPECT_EQ(call(xen::EVTCHNOP_set_priority, priority), to_guest(Errno::einval));
    priority = {900, 3};
    EXPECT_EQ(call(xen::EVTCHNOP_set_priority, priority), to_guest(Errno::einval));

    xen::evtchn_reset reset{domid_self.value};
    EXPECT_EQ(call(xen::EVTCHNOP_reset, reset), 0);
    EXPECT_EQ(call(xen::EVTCHNOP_expand_array, expand), to_guest(Errno::eopnotsupp)) << "back to the first ABI";
    EXPECT_EQ(mm::frames[frames[0]].load().type_count(), 0u) << "the guest has its pages back";
}

} // namespace
} // namespace rf::hypercall_tests
