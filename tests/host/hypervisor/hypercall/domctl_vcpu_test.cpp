// SPDX-License-Identifier: MIT
// vCPUs of other domains as toolstacks handle them: the callbacks that a context has no room for, what a vCPU does, and the
// interrupt that nobody masks. Contexts: pvcpu/context_test.cpp.
#include "world.hpp"

#include <cstddef>

namespace rf::hypercall_tests {
namespace {

class DomctlVcpu : public World {
protected:
    ~DomctlVcpu() override { guest->pause(); } // as destroydomain does first
};

TEST_F(DomctlVcpu, CallbacksOfOldSystemCalls)
{
    auto op = request(xen::XEN_DOMCTL_set_ext_vcpucontext);
    xen::xen_domctl_ext_vcpucontext& state = op.u.ext_vcpucontext;
    state.size = offsetof(xen::xen_domctl_ext_vcpucontext, vmce);
    state.syscall32_callback_eip = 0xffffffff81000000;
    state.sysenter_callback_eip = 0xffffffff82000000;
    state.sysenter_disables_events = 1;
    EXPECT_EQ(control_domain(op), 0) << "without the machine-check part";
    EXPECT_TRUE(guest->vcpu(0)->pv.sysenter.masks_events);

    auto asked = request(xen::XEN_DOMCTL_get_ext_vcpucontext);
    std::memset(&asked.u, 0xff, sizeof asked.u);
    asked.u.ext_vcpucontext.vcpu = 0;
    EXPECT_EQ(control_domain(asked), 0);
    EXPECT_EQ(asked.u.ext_vcpucontext.size, sizeof state);
    EXPECT_EQ(asked.u.ext_vcpucontext.syscall32_callback_eip, state.syscall32_callback_eip);
    EXPECT_EQ(asked.u.ext_vcpucontext.sysenter_callback_eip, state.sysenter_callback_eip);
    EXPECT_EQ(asked.u.ext_vcpucontext.syscall32_disables_events, 0);
    EXPECT_EQ(asked.u.ext_vcpucontext.sysenter_disables_events, 1);
    EXPECT_EQ(asked.u.ext_vcpucontext.vmce.caps, 0u) << "guests see no banks";

    state.size = 31;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    state.size = sizeof state;
    state.sysenter_callback_eip = 0x8000'0000'0000'0000;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "no address";
    EXPECT_EQ(guest->vcpu(0)->pv.sysenter.address, 0xffffffff82000000u);
    state.sysenter_callback_eip = 0;
    state.syscall32_callback_eip = 0x8000'0000'0000'0000;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    state.vcpu = 1;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    asked.u.ext_vcpucontext.vcpu = 1;
    EXPECT_EQ(control_domain(asked), to_guest(Errno::einval));
}

TEST_F(DomctlVcpu, WhatItDoes)
{
    auto op = request(xen::XEN_DOMCTL_getvcpuinfo);
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(op.u.getvcpuinfo.online, 0);
    EXPECT_EQ(op.u.getvcpuinfo.running, 0);
    EXPECT_EQ(op.u.getvcpuinfo.cpu_time, 0u) << "it never ran";
    EXPECT_EQ(op.u.getvcpuinfo.cpu, guest->vcpu(0)->cpu());
    sched::scheduler.bring_up(*guest->vcpu(0));
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(op.u.getvcpuinfo.online, 1);
    op.u.getvcpuinfo.vcpu = 1;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "it can have one only";
    op = request(xen::XEN_DOMCTL_getvcpuinfo, DomainId{4242});
    EXPECT_EQ(control_domain(op), to_guest(Errno::esrch));
}

TEST_F(DomctlVcpu, OneThatMayBeButWasNotMade)
{
    auto made = request(xen::XEN_DOMCTL_createdomain, DomainId{0});
    made.u.createdomain.max_vcpus = 2;
    made.u.createdomain.max_evtchn_port = 1023;
    made.u.createdomain.max_grant_frames = -1;
    made.u.createdomain.max_maptrack_frames = -1;
    made.u.createdomain.grant_opts = 1;
    ASSERT_EQ(control_domain(made), 0);
    DomainId const id{made.domain};
    auto op = request(xen::XEN_DOMCTL_getvcpuinfo, id);
    op.u.getvcpuinfo.vcpu = 1;
    EXPECT_EQ(control_domain(op), to_guest(Errno::esrch));
    op.u.getvcpuinfo.vcpu = 2;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    auto end = request(xen::XEN_DOMCTL_destroydomain, id);
    EXPECT_EQ(control_domain(end), 0);
}

TEST_F(DomctlVcpu, AnInterruptThatNobodyMasks)
{
    auto op = request(xen::XEN_DOMCTL_sendtrigger);
    op.u.sendtrigger.trigger = xen::XEN_DOMCTL_SENDTRIGGER_NMI;
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_TRUE(guest->vcpu(0)->pv.nmi_pending.load());
    EXPECT_EQ(control_domain(op), 0) << "one pending is all there can be";
    op.u.sendtrigger.vcpu = 1;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    op.u.sendtrigger.trigger = xen::XEN_DOMCTL_SENDTRIGGER_POWER;
    EXPECT_EQ(control_domain(op), to_guest(Errno::enosys));
}

TEST_F(DomctlVcpu, AffinityByForceAndUnchecked)
{
    std::uint64_t hard = ~0ull;
    auto op = request(xen::XEN_DOMCTL_setvcpuaffinity);
    op.u.vcpuaffinity = {.vcpu = 0,
                         .flags = xen::XEN_VCPUAFFINITY_HARD | xen::XEN_VCPUAFFINITY_FORCE,
                         .cpumap_hard = {{address(&hard)}, 64},
                         .cpumap_soft = {}};
    EXPECT_EQ(control_domain(op), 0) << "nothing pinned it";
    EXPECT_EQ(hard, sched::scheduler.online().bits());
    for (std::uint32_t flags : {0u, std::uint32_t{xen::XEN_VCPUAFFINITY_FORCE}, 8u | xen::XEN_VCPUAFFINITY_HARD}) {
        op.u.vcpuaffinity.flags = flags;
        EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << flags;
    }
    op.u.vcpuaffinity.flags = xen::XEN_VCPUAFFINITY_SOFT;
    op.u.vcpuaffinity.cpumap_soft = {{0x1000}, 64};
    EXPECT_EQ(control_domain(op), to_guest(Errno::efault));
}

} // namespace
} // namespace rf::hypercall_tests
