// SPDX-License-Identifier: MIT
// A domain may be destroyed at any moment: in the middle of a validation, in the middle of an undoing, with tables shared
// and frames mapped by others. Whatever its state, in small steps or in one, everything comes back.
#include "world.hpp"

namespace rf::pvmmu_tests {
namespace {

class Teardown : public World {
protected:
    /// A tree that takes several segments to validate and to undo.
    void draw_large_tree()
    {
        draw_tables(a);
        for (unsigned i = 0; i < 20; ++i)
            slot(a[2], i) = entry(a[20 + i], link);
        for (unsigned i = 0; i < 20; ++i)
            for (unsigned k = 0; k < table_entries; ++k)
                slot(a[20 + i], k) = entry(a[60 - k % 3], k % 2 ? read_write : readable);
    }
    /// The first `segments` segments of a pin or unpin, as if the guest never came back for the rest.
    void begin(std::uint32_t command, Mfn mfn, unsigned count = 1)
    {
        auto op = extended(command, mfn.value);
        Arguments arguments{address(&op), 1, 0, domid_self.value};
        for (unsigned i = 0; i < count; ++i) {
            auto const outcome = once(a, hypercall::mmuext_op, arguments);
            ASSERT_TRUE(outcome.is_again());
            arguments = outcome.next_arguments();
        }
    }
    void destroy_in_steps(std::uint32_t units)
    {
        std::uint64_t const free = mm::allocator.free_frames();
        LockGuard guard(a.domain->control_lock);
        for (unsigned steps = 0;; ++steps) {
            ASSERT_LT(steps, 1u << 20) << "no end";
            Budget budget{units};
            bool const over = domain::destroy_step(*a.domain, budget) == Progress::done;
            if (over || steps % 64 == 0)
                audit_is_clean("between steps of a teardown");
            if (over)
                break;
        }
        EXPECT_TRUE(a.domain->memory.empty());
        EXPECT_GE(mm::allocator.free_frames(), free + frames_each);
        a.domain = nullptr;
    }
};

TEST_F(Teardown, OfARunningDomain)
{
    start(a);
    destroy_in_steps(16);
}

TEST_F(Teardown, InTheMiddleOfAValidation)
{
    draw_large_tree();
    begin(xen::MMUEXT_PIN_L4_TABLE, a[0], 2);
    ASSERT_TRUE(state(a[0]).partial() && state(a[1]).partial() && state(a[2]).partial());
    destroy_in_steps(100);
}

TEST_F(Teardown, InTheMiddleOfAnUndoing)
{
    draw_large_tree();
    ASSERT_EQ(pin(a, a[0], 4), 0);
    begin(xen::MMUEXT_UNPIN_TABLE, a[0], 1);
    ASSERT_TRUE(state(a[0]).unwinding());
    destroy_in_steps(100);
}

TEST_F(Teardown, WithAHalfValidatedTreeThatSharesTablesWithARoot)
{
    draw_large_tree();
    slot(a[10], 0) = entry(a[1], link);
    ASSERT_EQ(pin(a, a[20], 1), 0);
    ASSERT_EQ(pin(a, a[21], 1), 0);
    begin(xen::MMUEXT_PIN_L4_TABLE, a[0], 1);
    begin(xen::MMUEXT_PIN_L4_TABLE, a[10], 1); // goes on with the same level-3 table
    destroy_in_steps(64);
}

TEST_F(Teardown, WithFramesGivenUpThatTablesStillUse)
{
    start(a);
    for (unsigned i = 0; i < 10; ++i)
        ASSERT_TRUE(a.domain->memory.give_up(a[i]));
    audit_is_clean("with tables given up");
    destroy(a);
}

TEST_F(Teardown, LeavesOthersAsTheyWere)
{
    start(a);
    start(b);
    start(dom0);
    ASSERT_EQ(map_other(dom0, 40 * page_size, entry(a[9], read_write), a.id()), 0);
    domain::Domain* const zombie = a.domain;
    destroy(a, 32);
    audit_is_clean("with a zombie");
    EXPECT_EQ(zombie->memory.owned(), 1u);
    EXPECT_NE(extend(dom0, extended(xen::MMUEXT_PIN_L1_TABLE, dom0[3].value), 0, zombie->id().value), 0)
        << "nothing is pinned for the dead";
    EXPECT_EQ(write(dom0, dom0[3], 50, 0, (zombie->id().value + 1u) << 16 | domid_self.value), error(Errno::esrch));
    EXPECT_EQ(map(b, 40 * page_size, entry(b[40], read_write)), 0);
    destroy(dom0);
    EXPECT_TRUE(zombie->memory.empty());
}

} // namespace
} // namespace rf::pvmmu_tests
