// SPDX-License-Identifier: MIT
// domctl as a toolstack uses it: who may call, which domain is found, a domain's life from creation to its last frame,
// and the answers that a migration stands on.
#include "world.hpp"

#include "xen/trap.h"

namespace rf::hypercall_tests {
namespace {

class Domctl : public World {
protected:
    xen::xen_domctl creation(DomainId id = DomainId{0})
    {
        auto op = request(xen::XEN_DOMCTL_createdomain, id);
        op.u.createdomain.max_vcpus = 2;
        op.u.createdomain.max_evtchn_port = 1023;
        op.u.createdomain.max_grant_frames = -1;
        op.u.createdomain.max_maptrack_frames = -1;
        op.u.createdomain.grant_opts = 1;
        op.u.createdomain.handle[3] = 0x42;
        return op;
    }
    xen::xen_domctl_getdomaininfo info(DomainId id)
    {
        auto op = request(xen::XEN_DOMCTL_getdomaininfo, id);
        EXPECT_EQ(control_domain(op), 0);
        return op.u.getdomaininfo;
    }
    std::int64_t simple(std::uint32_t command, DomainId id = guest_id)
    {
        auto op = request(command, id);
        return control_domain(op);
    }
};

TEST_F(Domctl, OnlyTheControlDomainInTheRightVersion)
{
    auto op = request(xen::XEN_DOMCTL_getdomaininfo);
    caller = guest;
    EXPECT_EQ(control_domain(op), to_guest(Errno::eperm));
    caller = control;
    op.interface_version = 0x14;
    EXPECT_EQ(control_domain(op), to_guest(Errno::eacces));
    EXPECT_EQ(simple(xen::XEN_DOMCTL_assign_device), to_guest(Errno::enosys));
    EXPECT_EQ(simple(0xffffffff), to_guest(Errno::enosys));
    EXPECT_EQ(simple(xen::XEN_DOMCTL_pausedomain, DomainId{4000}), to_guest(Errno::esrch));
    EXPECT_EQ(simple(xen::XEN_DOMCTL_pausedomain, domid_self), to_guest(Errno::esrch));
    EXPECT_EQ(simple(xen::XEN_DOMCTL_pausedomain, domain_zero), to_guest(Errno::einval)) << "not oneself";
    EXPECT_EQ(simple(xen::XEN_DOMCTL_destroydomain, domain_zero), to_guest(Errno::einval));
    EXPECT_EQ(run(hypercall::domctl, 0), to_guest(Errno::efault));
}

TEST_F(Domctl, CreationRefusesWhatItCannotGive)
{
    auto const refused = [&](auto change, Errno expected) {
        auto op = creation();
        change(op.u.createdomain);
        EXPECT_EQ(control_domain(op), to_guest(expected));
    };
    using Request = xen::xen_domctl_createdomain;
    refused([](Request& r) { r.flags = xen::XEN_DOMCTL_CDF_hvm; }, Errno::einval);
    refused([](Request& r) { r.flags = xen::XEN_DOMCTL_CDF_iommu; }, Errno::einval);
    refused([](Request& r) { r.flags = 1u << 31; }, Errno::einval);
    refused([](Request& r) { r.arch.emulation_flags = xen::XEN_X86_EMU_LAPIC; }, Errno::einval);
    refused([](Request& r) { r.arch.misc_flags = 2; }, Errno::einval);
    refused([](Request& r) { r.max_vcpus = 0; }, Errno::einval);
    refused([](Request& r) { r.max_vcpus = 65; }, Errno::einval);
    refused([](Request& r) { r.max_grant_frames = -2; }, Errno::einval);
    refused([](Request& r) { r.grant_opts = 0; }, Errno::einval);
    refused([](Request& r) { r.grant_opts = 0x11; }, Errno::einval);
    refused([](Request& r) { r.cpupool_id = 1; }, Errno::enoent);
    auto op = creation(guest_id);
    EXPECT_EQ(control_domain(op), to_guest(Errno::eexist));
}

TEST_F(Domctl, ALife)
{
    auto op = creation();
    ASSERT_EQ(control_domain(op), 0);
    DomainId const id{op.domain};
    EXPECT_NE(id, domain_zero);

    auto told = info(id);
    EXPECT_EQ(told.domain, id.value);
    EXPECT_EQ(told.handle[3], 0x42);
    EXPECT_TRUE(told.flags & xen::XEN_DOMINF_paused) << "born paused";
    EXPECT_EQ(told.max_vcpu_id, xen::XEN_INVALID_MAX_VCPU_ID);
    EXPECT_EQ(told.tot_pages, 0u);

    auto vcpus = request(xen::XEN_DOMCTL_max_vcpus, id);
    vcpus.u.max_vcpus.max = 3;
    EXPECT_EQ(control_domain(vcpus), to_guest(Errno::einval)) << "not what was created";
    vcpus.u.max_vcpus.max = 2;
    EXPECT_EQ(control_domain(vcpus), 0);
    EXPECT_EQ(info(id).max_vcpu_id, 1u);

    auto limit = request(xen::XEN_DOMCTL_max_mem, id);
    limit.u.max_mem.max_memkb = 4096;
    EXPECT_EQ(control_domain(limit), 0);
    EXPECT_EQ(info(id).max_pages, 1024u);

    EXPECT_EQ(simple(xen::XEN_DOMCTL_pausedomain, id), 0);
    EXPECT_EQ(simple(xen::XEN_DOMCTL_unpausedomain, id), 0);
    EXPECT_TRUE(info(id).flags & xen::XEN_DOMINF_paused) << "pauses count";
    EXPECT_EQ(simple(xen::XEN_DOMCTL_unpausedomain, id), 0);
    EXPECT_FALSE(info(id).flags & xen::XEN_DOMINF_paused);
    EXPECT_EQ(simple(xen::XEN_DOMCTL_unpausedomain, id), to_guest(Errno::einval));

    {
        auto const found = domain::find(id);
        populate(**found, 1024);
        EXPECT_EQ(simple(xen::XEN_DOMCTL_destroydomain, id), 0);
        EXPECT_GE(segments, 2u) << "a thousand frames are more than one segment";
        EXPECT_TRUE(info(id).flags & xen::XEN_DOMINF_dying);
        EXPECT_EQ(simple(xen::XEN_DOMCTL_unpausedomain, id), to_guest(Errno::esrch));
        EXPECT_EQ(simple(xen::XEN_DOMCTL_destroydomain, id), 0) << "again does no harm";
    }
    domain::reap();
    EXPECT_EQ(simple(xen::XEN_DOMCTL_destroydomain, id), to_guest(Errno::esrch));
}

TEST_F(Domctl, InfoFindsTheNextDomain)
{
    auto op = request(xen::XEN_DOMCTL_getdomaininfo, DomainId{1});
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(op.domain, guest_id.value);
    EXPECT_EQ(op.u.getdomaininfo.shared_info_frame, guest->shared_info_frame().value);
    op = request(xen::XEN_DOMCTL_getdomaininfo, DomainId{guest_id.value + 1u});
    EXPECT_EQ(control_domain(op), to_guest(Errno::esrch));
    guest->shutdown(3);
    EXPECT_EQ(info(guest_id).flags & (xen::XEN_DOMINF_shutdown | 0xff0000u), xen::XEN_DOMINF_shutdown | 3u << 16);
    EXPECT_EQ(simple(xen::XEN_DOMCTL_resumedomain), 0);
    EXPECT_FALSE(info(guest_id).flags & xen::XEN_DOMINF_shutdown);
}

TEST_F(Domctl, FrameTypesForTheStream)
{
    auto frames = populate(*guest, 3);
    mm::Frame& table = mm::frames[Mfn{frames[1]}];
    auto const plain = table.load();
    // As after pinning a page table of level 4.
    table.state.store(plain.with_type(mm::FrameType::l4)
                          .with(mm::FrameState::validated_bit | mm::FrameState::pinned_bit)
                          .with_uses(1)
                          .plus_references(1)
                          .word());
    auto op = request(xen::XEN_DOMCTL_getpageframeinfo3);
    std::vector<std::uint64_t> list{frames[0], frames[1], guest->shared_info_frame().value,
                                    control->shared_info_frame().value, ~0ull, frames[2]};
    op.u.getpageframeinfo3 = {.num = list.size(), .array = {address(list.data())}};
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(list[0], xen::XEN_DOMCTL_PFINFO_NOTAB);
    EXPECT_EQ(list[1], xen::XEN_DOMCTL_PFINFO_L4TAB | xen::XEN_DOMCTL_PFINFO_LPINTAB);
    EXPECT_EQ(list[2], xen::XEN_DOMCTL_PFINFO_XTAB);
    EXPECT_EQ(list[3], xen::XEN_DOMCTL_PFINFO_XTAB);
    EXPECT_EQ(list[4], xen::XEN_DOMCTL_PFINFO_XTAB);
    EXPECT_EQ(list[5], xen::XEN_DOMCTL_PFINFO_NOTAB);
    table.state.store(plain.word());
    op.u.getpageframeinfo3.num = 1025;
    EXPECT_EQ(control_domain(op), to_guest(Errno::e2big));
}

TEST_F(Domctl, EveryPageIsDirtyAndNoBitBeyond)
{
    // More than one segment of work, and a last byte that is not whole.
    constexpr std::uint64_t pages = (4ull << 20) + 13;
    std::vector<std::uint8_t> bitmap(pages / 8 + 2);
    auto op = request(xen::XEN_DOMCTL_shadow_op);
    op.u.shadow_op = {.op = xen::XEN_DOMCTL_SHADOW_OP_CLEAN,
                      .mode = 0,
                      .mb = 0,
                      .dirty_bitmap = {address(bitmap.data())},
                      .pages = pages,
                      .stats = {}};
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "tracking is off";
    auto enable = request(xen::XEN_DOMCTL_shadow_op);
    enable.u.shadow_op.op = xen::XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
    EXPECT_EQ(control_domain(enable), 0);
    EXPECT_EQ(control_domain(enable), to_guest(Errno::einval)) << "on already";

    EXPECT_EQ(control_domain(op), 0);
    EXPECT_GE(segments, 2u);
    EXPECT_EQ(op.u.shadow_op.pages, pages);
    EXPECT_EQ(op.u.shadow_op.stats.dirty_count, pages);
    for (std::uint64_t byte = 0; byte < pages / 8; ++byte)
        ASSERT_EQ(bitmap[byte], 0xff) << byte;
    EXPECT_EQ(bitmap[pages / 8], 0x1f);
    EXPECT_EQ(bitmap[pages / 8 + 1], 0);
    for (unsigned i = 112; i < 128; ++i)
        EXPECT_EQ(op.u.pad[i], 0) << "no trace of the continuation";

    enable.u.shadow_op.op = xen::XEN_DOMCTL_SHADOW_OP_OFF;
    EXPECT_EQ(control_domain(enable), 0);
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
}

TEST_F(Domctl, NobodyGivesRightsHeHasNot)
{
    ASSERT_TRUE(control->own_rights().value()->ports.add(0x300, 0x30f));
    auto op = request(xen::XEN_DOMCTL_ioport_permission);
    op.u.ioport_permission = {.first_port = 0x300, .nr_ports = 16, .allow_access = 1};
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_TRUE(guest->rights().ports.contains(0x300, 0x30f));
    EXPECT_EQ(guest->controller_pauses.load(), 0) << "paused only for the change";
    op.u.ioport_permission.nr_ports = 17;
    EXPECT_EQ(control_domain(op), to_guest(Errno::eperm));
    op.u.ioport_permission = {.first_port = 0xffff, .nr_ports = 2, .allow_access = 1};
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    op.u.ioport_permission = {.first_port = 0x300, .nr_ports = 8, .allow_access = 0};
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_FALSE(guest->rights().ports.contains(0x300, 0x300));
    EXPECT_TRUE(guest->rights().ports.contains(0x308, 0x30f));
}

TEST_F(Domctl, AffinityIsToldAsItTakesEffect)
{
    std::uint64_t hard = ~0ull, soft = 0xf0;
    auto op = request(xen::XEN_DOMCTL_setvcpuaffinity);
    op.u.vcpuaffinity = {.vcpu = 0,
                         .flags = xen::XEN_VCPUAFFINITY_HARD | xen::XEN_VCPUAFFINITY_SOFT,
                         .cpumap_hard = {{address(&hard)}, 64},
                         .cpumap_soft = {{address(&soft)}, 64}};
    EXPECT_EQ(control_domain(op), 0);
    CpuMask const online = sched::scheduler.online();
    EXPECT_EQ(hard, online.bits());
    EXPECT_EQ(soft, 0xf0 & online.bits());
    std::uint64_t nowhere = 1ull << 63;
    op.u.vcpuaffinity.cpumap_hard.bitmap.address = address(&nowhere);
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "no such CPU is online";
    // A bitmap of 12 bits has two bytes: exactly those are written.
    std::uint8_t bytes[4] = {0xaa, 0xaa, 0xaa, 0xaa};
    op = request(xen::XEN_DOMCTL_getvcpuaffinity);
    op.u.vcpuaffinity = {.vcpu = 0,
                         .flags = xen::XEN_VCPUAFFINITY_HARD,
                         .cpumap_hard = {{address(bytes)}, 12},
                         .cpumap_soft = {}};
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(bytes[0], online.bits() & 0xff);
    EXPECT_EQ(bytes[2], 0xaa);
    op.u.vcpuaffinity.vcpu = 1;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    op.u.vcpuaffinity.flags = 8;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
}

TEST_F(Domctl, ParametersComeBack)
{
    auto op = request(xen::XEN_DOMCTL_scheduler_op);
    op.u.scheduler_op.sched_id = xen::XEN_SCHEDULER_CREDIT;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval)) << "another scheduler";
    op.u.scheduler_op.sched_id = xen::XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = xen::XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2 = {.weight = 512, .cap = 50};
    EXPECT_EQ(control_domain(op), 0);
    op.u.scheduler_op.u.credit2 = {};
    op.u.scheduler_op.cmd = xen::XEN_DOMCTL_SCHEDOP_getinfo;
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(op.u.scheduler_op.u.credit2.weight, 512);
    EXPECT_EQ(op.u.scheduler_op.u.credit2.cap, 50);

    op = request(xen::XEN_DOMCTL_settscinfo);
    op.u.tsc_info = {.tsc_mode = 2, .gtsc_khz = 1, .incarnation = 7, .pad = 0, .elapsed_nsec = 5};
    EXPECT_EQ(control_domain(op), 0);
    op.u.tsc_info = {};
    op.cmd = xen::XEN_DOMCTL_gettscinfo;
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(op.u.tsc_info.tsc_mode, 2u);
    EXPECT_EQ(op.u.tsc_info.incarnation, 7u);
    op.cmd = xen::XEN_DOMCTL_settscinfo;
    op.u.tsc_info.tsc_mode = 1;
    EXPECT_EQ(control_domain(op), to_guest(Errno::eopnotsupp)) << "no emulated counter";

    op = request(xen::XEN_DOMCTL_get_address_size);
    EXPECT_EQ(control_domain(op), 0);
    EXPECT_EQ(op.u.address_size.size, 64u);
    op.cmd = xen::XEN_DOMCTL_set_address_size;
    op.u.address_size.size = 32;
    EXPECT_EQ(control_domain(op), to_guest(Errno::einval));
    op = request(xen::XEN_DOMCTL_getvcpucontext);
    EXPECT_EQ(control_domain(op), to_guest(Errno::enodata)) << "never had a context";
}

} // namespace
} // namespace rf::hypercall_tests
