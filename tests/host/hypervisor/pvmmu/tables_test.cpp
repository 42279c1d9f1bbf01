// SPDX-License-Identifier: MIT
// A frame becomes a page table only after every entry in it was checked, and it stays one, out of the guest's reach, until
// its last use is gone. Everything that the check let through is counted, and everything counted is given back.
#include "world.hpp"

namespace rf::pvmmu_tests {
namespace {

class Tables : public World {};

TEST_F(Tables, PinningCountsTheWholeTreeAndUnpinningGivesItBack)
{
    draw_tables(a);
    ASSERT_EQ(pin(a, a[0], 4), 0);
    for (unsigned level = 4; level > 0; --level)
        expect_type(a[4 - level], mm::table_type(level), 1);
    EXPECT_TRUE(state(a[0]).pinned() && state(a[0]).validated());
    expect_type(a[4], FrameType::writable, 1);
    EXPECT_EQ(state(a[0]).references(), 1u + 1 + 1); // the domain's, the pin's, a read-only mapping
    ASSERT_EQ(unpin(a, a[0]), 0);
    for (unsigned i = 0; i < 4; ++i) {
        expect_type(a[i], FrameType::none, 0);
        EXPECT_EQ(state(a[i]).references(), 1u);
    }
    EXPECT_EQ(state(a[4]).type_count(), 0u);
}

TEST_F(Tables, TheHypervisorsSlotsAreFilledAtTheTopAndEmptiedAgain)
{
    draw_tables(a);
    slot(a[0], 256) = 0xdead'beef'0000'0067; // a guest's attempt at a slot that is not its own
    slot(a[0], 260) = entry(a[40], link);
    ASSERT_EQ(pin(a, a[0], 4), 0);
    EXPECT_EQ(slot(a[0], 256), pvmmu::shared_slots[0]);
    EXPECT_EQ(Entry{slot(a[0], 260)}.frame(), a.domain->space.domain_area);
    EXPECT_EQ(state(a[40]).type(), FrameType::none) << "what the guest left in our slots is not counted";
    ASSERT_EQ(unpin(a, a[0]), 0);
    EXPECT_EQ(slot(a[0], 260), 0u);
}

TEST_F(Tables, ATableThatIsMappedWritableAnywhereIsRefused)
{
    draw_tables(a);
    slot(a[3], 2) = entry(a[2], read_write); // its own level-2 table
    EXPECT_EQ(pin(a, a[0], 4), error(Errno::ebusy));
    slot(a[3], 2) = entry(a[2], readable);
    slot(a[3], 40) = entry(a[3], read_write); // the level-1 table maps itself
    EXPECT_EQ(pin(a, a[0], 4), error(Errno::ebusy));
    slot(a[3], 40) = 0;
    EXPECT_EQ(pin(a, a[0], 4), 0);
}

TEST_F(Tables, EachLevelIsRefusedWithEachForbiddenBit)
{
    for (unsigned level = 1; level <= 4; ++level)
        for (std::uint64_t bit : {Entry::large, Entry::global, Entry::cache_disable, Entry::write_through}) {
            if (level == 1 && bit == Entry::global)
                continue;
            draw_tables(a);
            slot(a[4 - level], 0) |= bit;
            EXPECT_EQ(pin(a, a[0], 4), error(Errno::einval)) << "level " << level << " bit " << bit;
            EXPECT_EQ(state(a[0]).type(), FrameType::none);
        }
}

TEST_F(Tables, AddressesBeyondTheMachineAndForeignFramesAreRefused)
{
    for (unsigned level = 1; level <= 4; ++level) {
        draw_tables(a);
        slot(a[4 - level], 7) = entry(Mfn{pvmmu::entry_limits.frame_limit - 1}, readable);
        EXPECT_NE(pin(a, a[0], 4), 0) << "no such memory, level " << level;
        draw_tables(a);
        slot(a[4 - level], 7) = entry(b[8], readable);
        EXPECT_NE(pin(a, a[0], 4), 0) << "another domain's memory, level " << level;
        draw_tables(a);
        slot(a[4 - level], 7) = entry(mm::zero_frame(), readable);
        EXPECT_NE(pin(a, a[0], 4), 0) << "the hypervisor's memory, level " << level;
    }
    EXPECT_EQ(pin(a, b[8], 1), error(Errno::eperm));
    EXPECT_EQ(pin(a, Mfn{~0ull >> 12}, 1), error(Errno::einval));
    EXPECT_EQ(pin(a, a.domain->shared_info_frame(), 1), error(Errno::ebusy)) << "we write to it";
}

TEST_F(Tables, RecursiveTablesDoNotExist)
{
    // A table that names itself, and two of one level that name each other: linear page tables, XSA-240.
    for (unsigned level = 2; level <= 4; ++level) {
        draw_tables(a);
        slot(a[4 - level], 5) = entry(a[4 - level], link);
        EXPECT_EQ(pin(a, a[0], 4), error(Errno::ebusy)) << "level " << level;
        slot(a[4 - level], 5) = entry(a[4 - level], readable);
        EXPECT_EQ(pin(a, a[0], 4), error(Errno::ebusy)) << "read-only, level " << level;
    }
    draw_tables(a);
    slot(a[10], 0) = entry(a[0], link); // a second level-4 table above the first: the first would be of level 3
    ASSERT_EQ(pin(a, a[0], 4), 0);
    EXPECT_EQ(pin(a, a[10], 4), error(Errno::ebusy));
    EXPECT_EQ(write(a, a[0], 5, entry(a[0], link)), error(Errno::ebusy));
    EXPECT_EQ(write(a, a[0], 5, entry(a[2], link)), error(Errno::ebusy)) << "two levels down";
    EXPECT_EQ(write(a, a[2], 5, entry(a[2], link)), error(Errno::ebusy));
}

TEST_F(Tables, AFrameIsATableOfOneLevelOnly)
{
    draw_tables(a);
    ASSERT_EQ(pin(a, a[3], 1), 0);
    for (unsigned level = 2; level <= 4; ++level)
        EXPECT_EQ(pin(a, a[3], level), error(Errno::einval)) << "pinned already";
    EXPECT_EQ(write(a, a[3], 9, entry(a[9], readable)), 0);
    ASSERT_EQ(pin(a, a[1], 3), 0);
    EXPECT_EQ(pin(a, a[2], 1), error(Errno::ebusy)) << "a table of level 2 in use";
    EXPECT_EQ(pin(a, a[2], 2), 0) << "one more use of the same kind";
    expect_type(a[2], FrameType::l2, 2);
    EXPECT_EQ(pin(a, a[2], 2), error(Errno::einval)) << "one pin is enough";
    EXPECT_EQ(unpin(a, a[1]), 0);
    expect_type(a[2], FrameType::l2, 1);
    EXPECT_EQ(unpin(a, a[1]), error(Errno::einval)) << "no pin is left";
}

TEST_F(Tables, TablesAreSharedByCounting)
{
    draw_tables(a);
    for (unsigned i = 40; i < 44; ++i) { // four roots over one level-3 table
        slot(a[i], 0) = entry(a[1], link);
        ASSERT_EQ(pin(a, a[i], 4), 0);
    }
    expect_type(a[1], FrameType::l3, 4);
    expect_type(a[2], FrameType::l2, 1);
    for (unsigned i = 40; i < 44; ++i)
        ASSERT_EQ(unpin(a, a[i]), 0);
    expect_type(a[1], FrameType::none, 0);
    expect_type(a[3], FrameType::none, 0);
}

TEST_F(Tables, AFailureDeepDownGivesEverythingBack)
{
    // The last entry of the last of several tables is bad: all that was taken before must go, to the last reference.
    draw_tables(a);
    for (unsigned i = 0; i < 8; ++i)
        slot(a[2], i) = entry(a[20 + i], link);
    for (unsigned i = 0; i < 8; ++i)
        for (unsigned k = 0; k < table_entries; ++k)
            slot(a[20 + i], k) = entry(a[40 + k % 20], k % 2 ? read_write : readable);
    slot(a[27], 511) = entry(b[3], readable);
    EXPECT_EQ(pin(a, a[0], 4), error(Errno::ebusy));
    EXPECT_GT(segments, 1u) << "long enough to be interrupted";
    EXPECT_EQ(update(a, {}), 0) << "the next call, whatever it is, undoes what is left first";
    for (unsigned i = 0; i < 60; ++i) {
        EXPECT_EQ(state(a[i]).type_count(), 0u) << i;
        EXPECT_EQ(state(a[i]).references(), 1u) << i;
    }
    EXPECT_EQ(state(b[3]).references(), 1u);
}

TEST_F(Tables, LongValidationIsInterruptedAndGoesOn)
{
    draw_tables(a);
    for (unsigned i = 0; i < 30; ++i)
        slot(a[2], i) = entry(a[20 + i], link);
    for (unsigned i = 0; i < 30; ++i)
        for (unsigned k = 0; k < table_entries; ++k)
            slot(a[20 + i], k) = entry(a[60], k % 2 ? read_write : readable);
    ASSERT_EQ(pin(a, a[0], 4), 0);
    EXPECT_GE(segments, 4u);
    EXPECT_EQ(state(a[60]).type_count(), 30u * 256);
    ASSERT_EQ(unpin(a, a[0]), 0);
    EXPECT_GE(segments, 4u);
    EXPECT_EQ(state(a[60]).references(), 1u);
}

TEST_F(Tables, EmptyStretchesAreCheap)
{
    // A process has a dozen tables with a few entries each. Thirty such tables have 15,000 entries; a segment may look at 128 of
    // them one by one, which would make 120 segments.
    constexpr unsigned few = 28;
    draw_tables(a);
    for (unsigned i = 0; i < 30; ++i) {
        slot(a[2], 12 * i) = entry(a[20 + i], link);
        for (unsigned const k : {0u, 7u, 8u, 100u, 511u})
            slot(a[20 + i], k) = entry(a[60], k % 2 ? read_write : readable);
    }
    ASSERT_EQ(pin(a, a[0], 4), 0);
    EXPECT_LE(segments, few);
    EXPECT_EQ(state(a[60]).references(), 1u + 30 * 5);
    EXPECT_EQ(state(a[60]).type_count(), 30u * 2);
    ASSERT_EQ(unpin(a, a[0]), 0);
    EXPECT_LE(segments, few);
    EXPECT_EQ(state(a[60]).references(), 1u);
    for (unsigned i = 0; i < 30; ++i)
        expect_type(a[20 + i], FrameType::none, 0);
}

TEST_F(Tables, AnotherRequestMayFinishWhatOneHasBegun)
{
    // vCPU 0 begins to pin the root and is interrupted inside a level-1 table; vCPU 1 pins that very table.
    draw_tables(a);
    for (unsigned i = 0; i < 10; ++i)
        slot(a[2], i) = entry(a[20 + i], link);
    for (unsigned i = 0; i < 10; ++i)
        for (unsigned k = 0; k < table_entries; ++k)
            slot(a[20 + i], k) = entry(a[60], readable);
    auto op = extended(xen::MMUEXT_PIN_L4_TABLE, a[0].value);
    auto const first = once(a, hypercall::mmuext_op, {address(&op), 1, 0, domid_self.value});
    ASSERT_TRUE(first.is_again());
    unsigned half = 0;
    for (unsigned i = 20; i < 30; ++i)
        if (state(a[i]).partial())
            half = i;
    ASSERT_NE(half, 0u);
    EXPECT_EQ(write(a, a[half], 3, entry(a[60], readable)), error(Errno::ebusy)) << "not a table yet, no memory any more";
    EXPECT_EQ(pin(a, a[half], 2), error(Errno::ebusy)) << "of another level";
    ASSERT_EQ(pin(a, a[half], 1), 0);
    ASSERT_EQ(run(a, hypercall::mmuext_op, first.next_arguments()), 0);
    expect_type(a[half], FrameType::l1, 2);
    EXPECT_EQ(unpin(a, a[half]), 0);
    EXPECT_EQ(unpin(a, a[0]), 0);
}

TEST_F(Tables, WhatIsHalfUndoneCannotBeUsedAsAnything)
{
    draw_tables(a);
    for (unsigned i = 0; i < 10; ++i)
        slot(a[2], i) = entry(a[20 + i], link);
    for (unsigned i = 0; i < 10; ++i)
        for (unsigned k = 0; k < table_entries; ++k)
            slot(a[20 + i], k) = entry(a[60], readable);
    ASSERT_EQ(pin(a, a[0], 4), 0);
    auto op = extended(xen::MMUEXT_UNPIN_TABLE, a[0].value);
    auto first = once(a, hypercall::mmuext_op, {address(&op), 1, 0, domid_self.value});
    while (first.is_again() && !state(a[2]).unwinding())
        first = once(a, hypercall::mmuext_op, first.next_arguments());
    ASSERT_TRUE(first.is_again());
    ASSERT_TRUE(state(a[0]).unwinding() && state(a[2]).unwinding());
    EXPECT_FALSE(mm::take_writable(a[0], a.id()));
    EXPECT_FALSE(mm::take_writable(a[2], a.id()));
    {
        LockGuard guard(a.domain->space.lock);
        EXPECT_FALSE(pvmmu::take_descriptor_page(a.domain->space, a[2]));
        EXPECT_FALSE(pvmmu::is_table(a.domain->space, a[0], 4));
        for (unsigned level : {2u, 3u}) { // callers drain first; one that forgot would still get nothing
            Budget budget{100};
            EXPECT_FALSE(pvmmu::take_table(a.domain->space, a[2], level, budget));
        }
    }
    EXPECT_FALSE(a.domain->memory.take_away(a[2]));
    // The next operation finishes the undoing first: then the frame is free for use again.
    EXPECT_EQ(pin(a, a[29], 1), 0);
    EXPECT_EQ(run(a, hypercall::mmuext_op, first.next_arguments()), 0);
    expect_type(a[0], FrameType::none, 0);
}

TEST_F(Tables, GivenUpTablesLiveUntilTheirLastUse)
{
    draw_tables(a);
    ASSERT_EQ(pin(a, a[0], 4), 0);
    auto const pages = a.domain->memory.pages();
    ASSERT_TRUE(a.domain->memory.give_up(a[2]));
    EXPECT_FALSE(a.domain->memory.give_up(a[2])) << "only once";
    audit_is_clean("with a table given up");
    EXPECT_EQ(a.domain->memory.pages(), pages);
    expect_type(a[2], FrameType::l2, 1);
    ASSERT_EQ(unpin(a, a[0]), 0);
    EXPECT_EQ(a.domain->memory.pages(), pages - 1);
    EXPECT_FALSE(a.domain->memory.give_up(b[5])) << "another domain's";
    EXPECT_EQ(state(b[5]).references(), 1u);
}

} // namespace
} // namespace rf::pvmmu_tests
