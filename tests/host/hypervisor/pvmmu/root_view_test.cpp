// SPDX-License-Identifier: MIT
// Guests that are kept apart run on views of their roots. A view shows what the root holds at any moment, nothing of the
// hypervisor's, and lets go of what the root lets go of before anybody else may have it.
#include "world.hpp"

#include "pvmmu/root_view.hpp"

namespace rf::pvmmu_tests {
namespace {

class RootViews : public World {
protected:
    void SetUp() override { start(a); }
    pvmmu::RootView const& view(VcpuId id = 0) { return a.vcpu(id).kernel_view; }
};

TEST_F(RootViews, ShowTheGuestsHalfAndNothingOfOurs)
{
    ASSERT_TRUE(view().page().valid());
    EXPECT_EQ(a.vcpu().pv.kernel_view, view().page().value << page_shift);
    EXPECT_EQ(slot(view().page(), 0), slot(a[0], 0));
    for (unsigned const index : {257u, 258u, 259u, 262u, 263u, 264u, 265u, 266u, 267u, 268u, 269u, 270u, 271u})
        EXPECT_EQ(slot(view().page(), index), 0u) << index;
    EXPECT_EQ(slot(view().page(), 256), pvmmu::shared_slots[0]);
    EXPECT_EQ(slot(view().page(), 260) & ~0xfffull, a.domain->space.domain_area.value << page_shift);
    EXPECT_FALSE(dom0.vcpu().kernel_view.page().valid()) << "Dom0 is not kept apart here";
    EXPECT_EQ(dom0.vcpu().pv.kernel_view, 0u);
}

TEST_F(RootViews, FollowEveryChangeOfATopLevelEntry)
{
    ASSERT_EQ(write(a, a[0], 7, entry(a[1], link)), 0);
    EXPECT_NE(slot(view().page(), 7), 0u);
    EXPECT_EQ(slot(view().page(), 7), slot(a[0], 7));
    ASSERT_EQ(write(a, a[0], 511, entry(a[1], link)), 0);
    EXPECT_EQ(slot(view().page(), 511), slot(a[0], 511));
    ASSERT_EQ(write(a, a[0], 7, 0), 0);
    EXPECT_EQ(slot(view().page(), 7), 0u);
    ASSERT_NE(write(a, a[0], 261, entry(a[1], link)), 0) << "the hypervisor's slots stay out of reach";
    EXPECT_EQ(slot(view().page(), 261), 0u);
}

TEST_F(RootViews, OfSeveralVcpusFollowTheRootThatTheyShare)
{
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[0].value), 1), 0);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, a[0].value), 1), 0);
    ASSERT_EQ(write(a, a[0], 9, entry(a[1], link)), 0);
    for (Mfn page : {view(0).page(), view(1).page(), a.vcpu(1).user_view.page()})
        EXPECT_EQ(slot(page, 9), slot(a[0], 9));
}

TEST_F(RootViews, TurnToAnotherRoot)
{
    // A second root beside the first, with an entry of its own.
    for (unsigned i = 0; i < table_entries; ++i)
        slot(a[10], i) = i == 3 ? entry(a[1], link) : 0;
    ASSERT_EQ(write(a, a[3], 10, entry(a[10], readable)), 0);
    ASSERT_EQ(pin(a, a[10], 4), 0);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, a[10].value)), 0);
    pvmmu::RootView const& user = a.vcpu().user_view;
    EXPECT_EQ(a.vcpu().pv.user_view, user.page().value << page_shift);
    EXPECT_EQ(slot(user.page(), 3), slot(a[10], 3));
    EXPECT_EQ(slot(user.page(), 0), 0u);
    ASSERT_EQ(write(a, a[0], 5, entry(a[1], link)), 0);
    EXPECT_EQ(slot(user.page(), 5), 0u) << "a change of another root";
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, a[0].value)), 0);
    EXPECT_EQ(slot(user.page(), 3), 0u);
    EXPECT_EQ(slot(user.page(), 5), slot(a[0], 5));
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, 0)), 0);
    EXPECT_EQ(slot(user.page(), 5), 0u);
    EXPECT_EQ(a.vcpu().pv.user_view, 0u) << "without a user root there is no user mode";
}

TEST_F(RootViews, KeepTheDoorsThatTheProcessorGave)
{
    a.vcpu().kernel_view.set_doors(0x1234'5063);
    ASSERT_EQ(write(a, a[0], 9, entry(a[1], link)), 0);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[0].value)), 0);
    EXPECT_EQ(slot(view().page(), 261), 0x1234'5063u);
}

} // namespace
} // namespace rf::pvmmu_tests
