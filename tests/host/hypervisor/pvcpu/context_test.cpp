// SPDX-License-Identifier: MIT
// The whole context of a vCPU, as a guest gives it to another of its vCPUs and as toolstacks read and write it. What is
// refused leaves nothing behind, whatever had been taken before; page tables that take long are validated in pieces.
#include "../pvmmu/world.hpp"

#include "sched/scheduler.hpp"
#include "xen/domctl.h"
#include "xen/vcpu.h"

#include <functional>

namespace rf::pvmmu_tests {
namespace {

class Context : public World {
protected:
    Context()
    {
        start(a);
        wanted.flags = xen::VGCF_in_kernel;
        wanted.ctrlreg[3] = xen::xen_pfn_to_cr3(a[0].value);
        wanted.kernel_sp = 0x1234;
    }
    ~Context() override
    {
        for (Guest* guest : {&a, &b})
            guest->domain->pause(); // as destroydomain does first
    }
    /// VCPUOP_initialise of the guest's second vCPU.
    std::int64_t initialise(VcpuId vcpu = 1)
    {
        return run(a, hypercall::vcpu_op, {xen::VCPUOP_initialise, vcpu, address(&wanted)});
    }
    std::int64_t control(std::uint32_t command, void* place, VcpuId vcpu = 1)
    {
        xen::xen_domctl op{};
        op.cmd = command;
        op.interface_version = xen::XEN_DOMCTL_INTERFACE_VERSION;
        op.domain = a.id().value;
        op.u.vcpucontext = {.vcpu = vcpu, .ctxt = {address(place)}};
        return run(dom0, hypercall::domctl, {address(&op)});
    }
    std::int64_t set(VcpuId vcpu = 1) { return control(xen::XEN_DOMCTL_setvcpucontext, &wanted, vcpu); }

    /// A second root over the same tables, in frame 40 or another; it is not pinned.
    Mfn second_root(unsigned frame = 40)
    {
        EXPECT_EQ(map(a, frame * page_size, entry(a[frame], readable)), 0);
        std::memset(direct(a[frame]), 0, page_size);
        slot(a[frame], 0) = entry(a[1], link);
        return a[frame];
    }
    /// One that has more tables than one segment may validate: a level-1 table with all its entries, twelve times.
    Mfn large_root()
    {
        Mfn const root = second_root();
        for (unsigned i = 0; i < 12; ++i) {
            Mfn const table = a[44 + i];
            EXPECT_EQ(map(a, (44 + i) * page_size, entry(table, readable)), 0);
            for (unsigned n = 0; n < table_entries; ++n)
                slot(table, n) = entry(a[20 + n % 8], readable);
        }
        EXPECT_EQ(map(a, 42 * page_size, entry(a[42], readable)), 0);
        EXPECT_EQ(map(a, 43 * page_size, entry(a[43], readable)), 0);
        slot(root, 1) = entry(a[42], link);
        std::memset(direct(a[42]), 0, page_size);
        std::memset(direct(a[43]), 0, page_size);
        slot(a[42], 0) = entry(a[43], link);
        for (unsigned i = 0; i < 12; ++i)
            slot(a[43], i) = entry(a[44 + i], link);
        return root;
    }

    xen::vcpu_guest_context wanted{};
};

TEST_F(Context, GivenOnceByTheGuest)
{
    EXPECT_EQ(initialise(), 0);
    EXPECT_TRUE(a.vcpu(1).initialised.load());
    EXPECT_EQ(a.vcpu(1).pv.kernel_root, a[0]);
    EXPECT_FALSE(a.vcpu(1).is_up()) << "it did not ask to begin";
    EXPECT_EQ(initialise(), error(Errno::eexist));
    EXPECT_EQ(initialise(2), error(Errno::enoent));
    expect_type(a[0], FrameType::l4, 3); // a pin and two vCPUs
}

TEST_F(Context, OneThatIsRefusedLeavesNothing)
{
    struct Case {
        char const* what;
        std::function<void()> spoil;
    };
    auto& c = wanted;
    Case const cases[] = {
        {"an LDT in the hypervisor's space", [&] { c.ldt_ents = 8, c.ldt_base = 0xffff'8280'0000'0000; }},
        {"an LDT over the end of the lower half", [&] { c.ldt_ents = 8192, c.ldt_base = 0x7fff'ffff'f000; }},
        {"an LDT between pages", [&] { c.ldt_ents = 8, c.ldt_base = 0x1008; }},
        {"an LDT that is too long", [&] { c.ldt_ents = 8193; }},
        {"a GDT that is too long", [&] { c.gdt_ents = xen::FIRST_RESERVED_GDT_ENTRY + 1; }},
        {"a GDT in a page table", [&] { c.gdt_ents = 8, c.gdt_frames[0] = a[3].value; }},
        {"no root", [&] { c.ctrlreg[3] = 0; }},
        {"a root that is none", [&] { c.ctrlreg[3] = xen::xen_pfn_to_cr3(a[3].value); }},
        {"somebody else's root", [&] { c.ctrlreg[3] = xen::xen_pfn_to_cr3(b[0].value); }},
        {"a user root that is none", [&] { c.ctrlreg[1] = xen::xen_pfn_to_cr3(a[2].value); }},
        {"somebody else's user root", [&] { c.ctrlreg[1] = xen::xen_pfn_to_cr3(b[0].value); }},
        {"a handler nowhere", [&] { c.trap_ctxt[14].address = 1ull << 63; }},
    };
    ASSERT_EQ(pin(a, second_root(), 4), 0);
    auto const before = state(a[0]);
    xen::vcpu_guest_context const good = wanted;
    for (Case const& one : cases) {
        wanted = good;
        wanted.ctrlreg[1] = xen::xen_pfn_to_cr3(a[40].value);
        wanted.gdt_ents = 512;
        wanted.gdt_frames[0] = a[41].value;
        EXPECT_EQ(map(a, 41 * page_size, entry(a[41], readable)), 0);
        one.spoil();
        for (unsigned again = 0; again < 2; ++again) { // the second one meets what the first left
            EXPECT_LT(again ? initialise() : set(), 0) << one.what;
            EXPECT_FALSE(a.vcpu(1).initialised.load()) << one.what;
            EXPECT_EQ(state(a[0]), before) << one.what;
            EXPECT_EQ(state(a[40]).type_count(), 1u) << one.what << ": the pin only";
            EXPECT_EQ(state(a[41]).type_count(), 0u) << one.what << ": no descriptors";
            EXPECT_FALSE(a.vcpu(1).pv.kernel_root.valid()) << one.what;
        }
    }
    wanted = good;
    EXPECT_EQ(initialise(), 0) << "after all that was refused";
}

TEST_F(Context, PageTablesAreValidatedInPieces)
{
    Mfn const root = large_root();
    wanted.ctrlreg[1] = xen::xen_pfn_to_cr3(root.value);
    EXPECT_EQ(initialise(), 0);
    EXPECT_GT(segments, 12u);
    EXPECT_EQ(a.vcpu(1).pv.user_root, root);
    expect_type(root, FrameType::l4, 1);
    expect_type(a[0], FrameType::l4, 3);
}

TEST_F(Context, AnotherOneMayFollowOneThatWasBrokenOff)
{
    wanted.ctrlreg[1] = xen::xen_pfn_to_cr3(large_root().value);
    ASSERT_TRUE(once(a, hypercall::vcpu_op, {xen::VCPUOP_initialise, 1, address(&wanted)}).is_again());
    ASSERT_EQ(a.vcpu(1).pv.kernel_root, a[0]) << "taken already, so that the next segment goes on from there";
    // The guest does not go on with it but gives another one.
    Mfn const other = second_root(56);
    wanted.ctrlreg[3] = xen::xen_pfn_to_cr3(other.value);
    wanted.ctrlreg[1] = 0;
    EXPECT_EQ(initialise(), 0);
    EXPECT_EQ(a.vcpu(1).pv.kernel_root, other);
    expect_type(other, FrameType::l4, 1);
    expect_type(a[0], FrameType::l4, 2); // a pin and one vCPU
}

TEST_F(Context, AnAttemptThatIsGivenUpMidwayIsNotForgotten)
{
    Mfn const root = second_root();
    wanted.ctrlreg[3] = xen::xen_pfn_to_cr3(root.value);
    wanted.ctrlreg[1] = xen::xen_pfn_to_cr3(a[2].value);
    EXPECT_LT(initialise(), 0);
    EXPECT_FALSE(a.vcpu(1).pv.kernel_root.valid());
    EXPECT_EQ(map(a, 40 * page_size, entry(root, read_write)), 0) << "an ordinary page again";
}

TEST_F(Context, ToolstacksStartAndStopWithIt)
{
    xen::vcpu_guest_context got{};
    wanted.flags |= xen::VGCF_online;
    EXPECT_EQ(control(xen::XEN_DOMCTL_getvcpucontext, &got), error(Errno::enodata)) << "never had one";
    EXPECT_EQ(set(), 0);
    EXPECT_TRUE(a.vcpu(1).is_up());
    a.vcpu(1).saved.rip = 0x8888;
    EXPECT_EQ(control(xen::XEN_DOMCTL_getvcpucontext, &got), 0);
    EXPECT_EQ(got.user_regs.rip, 0x8888u);
    EXPECT_EQ(got.kernel_sp, 0x1234u);
    EXPECT_EQ(got.ctrlreg[3], wanted.ctrlreg[3]);
    EXPECT_EQ(got.ctrlreg[1], 0u);
    EXPECT_TRUE(got.flags & xen::VGCF_online);
    wanted.flags &= ~std::uint64_t{xen::VGCF_online};
    EXPECT_EQ(set(), 0);
    EXPECT_FALSE(a.vcpu(1).is_up());
    EXPECT_EQ(control(xen::XEN_DOMCTL_getvcpucontext, reinterpret_cast<void*>(0x1000)), error(Errno::efault));
    EXPECT_EQ(control(xen::XEN_DOMCTL_setvcpucontext, reinterpret_cast<void*>(0x1000)), error(Errno::efault));
    EXPECT_EQ(set(2), error(Errno::einval)) << "no such vCPU";
    EXPECT_EQ(control(xen::XEN_DOMCTL_getvcpucontext, &got, 2), error(Errno::einval));
    wanted.ctrlreg[3] = xen::xen_pfn_to_cr3(a[5].value);
    EXPECT_EQ(set(), error(Errno::eopnotsupp)) << "a vCPU keeps its root";
}

TEST_F(Context, NotForADomainThatEnds)
{
    {
        LockGuard guard(a.domain->control_lock);
        a.domain->life.store(domain::LifeState::dying, release);
    }
    EXPECT_EQ(set(), error(Errno::esrch)) << "teardown would not see its roots";
    EXPECT_FALSE(a.vcpu(1).pv.kernel_root.valid());
}

} // namespace
} // namespace rf::pvmmu_tests
