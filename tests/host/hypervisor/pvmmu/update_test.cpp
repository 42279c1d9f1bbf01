// SPDX-License-Identifier: MIT
// A running guest changes its tables one entry at a time. Each change is judged as if the table were checked anew, moves
// exactly the references that it must, and either happens wholly or not at all.
#include "world.hpp"

namespace rf::pvmmu_tests {
namespace {

class Update : public World {
protected:
    void SetUp() override { start(a); }
    static std::uint64_t references(Mfn mfn) { return state(mfn).references(); }
};

TEST_F(Update, LeavesMoveReferencesAndUses)
{
    ASSERT_EQ(write(a, a[3], 40, entry(a[40], readable)), 0);
    EXPECT_EQ(references(a[40]), 2u);
    EXPECT_EQ(state(a[40]).type_count(), 0u);
    ASSERT_EQ(write(a, a[3], 40, entry(a[40], read_write)), 0);
    expect_type(a[40], FrameType::writable, 1);
    ASSERT_EQ(write(a, a[3], 40, entry(a[41], readable)), 0);
    EXPECT_EQ(references(a[40]), 1u);
    EXPECT_EQ(state(a[40]).type_count(), 0u);
    EXPECT_EQ(references(a[41]), 2u);
    ASSERT_EQ(write(a, a[3], 40, 0), 0);
    EXPECT_EQ(references(a[41]), 1u);
    EXPECT_EQ(done, 1u);
}

TEST_F(Update, ATableCannotBecomeWritable)
{
    for (unsigned i = 0; i < 4; ++i) {
        EXPECT_EQ(write(a, a[3], i, entry(a[i], read_write)), error(Errno::ebusy)) << i;
        EXPECT_EQ(map(a, i * page_size, entry(a[i], read_write)), error(Errno::ebusy)) << i;
        EXPECT_EQ(slot(a[3], i), entry(a[i], readable | Entry::global)) << "a refused change changes nothing";
    }
    // The bits that matter least must not carry the one that matters most: XSA-148, XSA-182.
    for (std::uint64_t bits = 0; bits < 1u << 12; ++bits)
        if (bits & Entry::present && bits & Entry::writable) {
            audits = bits % 64 == 3;
            ASSERT_NE(write(a, a[3], 2, entry(a[2], bits)), 0) << bits;
        }
    audits = true;
    audit_is_clean("after all kinds of writable");
}

TEST_F(Update, StrangersDoNotTouchWhatNobodyWritesTo)
{
    start(b);
    ASSERT_EQ(write(b, b[3], 40, entry(b[40], read_write)), 0);
    ASSERT_EQ(write(b, b[3], 40, 0), 0);
    std::uint64_t const before = state(b[40]).word();
    ++cpu::fake_tlb.clock; // a use that comes and goes would leave a later moment behind
    EXPECT_NE(write(a, a[3], 40, entry(b[40], read_write)), 0);
    EXPECT_NE(map(a, 40 * page_size, entry(b[40], read_write)), 0);
    EXPECT_EQ(state(b[40]).word(), before) << "meanwhile its owner could not have made it a table";
}

TEST_F(Update, OnlyHarmlessBitsGoWithoutTheFullCheck)
{
    // Every pair of flags of a leaf: whatever the way, the counts stay right and forbidden bits stay out.
    audits = false;
    for (std::uint64_t from = 1; from < 1u << 12; from += 2) {
        if (from & (Entry::cache_bits))
            continue;
        ASSERT_EQ(write(a, a[3], 44, entry(a[44], from)), 0) << from;
        for (unsigned bit = 0; bit < 12; ++bit) {
            std::uint64_t const to = from ^ 1u << bit;
            bool const allowed = !(to & Entry::present) || !(to & Entry::cache_bits);
            ASSERT_EQ(write(a, a[3], 44, entry(a[44], to)) == 0, allowed) << from << " -> " << to;
            bool const writable = allowed ? (to & 3) == 3 : (from & 3) == 3;
            ASSERT_EQ(state(a[44]).type_count(), writable ? 1u : 0u) << from << " -> " << to;
            ASSERT_EQ(write(a, a[3], 44, entry(a[44], from)), 0);
        }
        if ((from >> 1) % 64 == 0)
            audit_is_clean("after flags");
    }
    audits = true;
}

TEST_F(Update, PreserveKeepsWhatTheProcessorNoted)
{
    ASSERT_EQ(write(a, a[3], 40, entry(a[40], Entry::present | Entry::writable | Entry::user)), 0);
    slot(a[3], 40) |= Entry::accessed | Entry::dirty; // the processor does that
    ASSERT_EQ(write(a, a[3], 40, entry(a[40], Entry::present | Entry::user), domid_self.value,
                    xen::MMU_PT_UPDATE_PRESERVE_AD),
              0);
    EXPECT_TRUE(slot(a[3], 40) & Entry::accessed && slot(a[3], 40) & Entry::dirty);
    EXPECT_FALSE(slot(a[3], 40) & Entry::writable);
    ASSERT_EQ(write(a, a[3], 40, entry(a[40], Entry::present | Entry::user)), 0);
    EXPECT_FALSE(slot(a[3], 40) & (Entry::accessed | Entry::dirty)) << "without it they go";
    ASSERT_EQ(write(a, a[3], 40, 0, domid_self.value, xen::MMU_PT_UPDATE_PRESERVE_AD), 0);
    EXPECT_EQ(slot(a[3], 40), 0u) << "an absent entry keeps nothing";
}

TEST_F(Update, EntriesAboveTheLeavesMoveTables)
{
    slot(a[40], 0) = entry(a[45], readable);
    ASSERT_EQ(write(a, a[2], 7, entry(a[40], link)), 0);
    expect_type(a[40], FrameType::l1, 1);
    ASSERT_EQ(write(a, a[2], 8, entry(a[40], link)), 0);
    expect_type(a[40], FrameType::l1, 2);
    ASSERT_EQ(write(a, a[2], 8, entry(a[40], readable)), 0) << "the same table, fewer rights";
    expect_type(a[40], FrameType::l1, 2);
    ASSERT_EQ(write(a, a[2], 8, entry(a[41], link)), 0);
    expect_type(a[40], FrameType::l1, 1);
    expect_type(a[41], FrameType::l1, 1);
    ASSERT_EQ(write(a, a[2], 7, 0), 0);
    ASSERT_EQ(write(a, a[2], 8, 0), 0);
    expect_type(a[40], FrameType::none, 0);
    EXPECT_EQ(references(a[45]), 1u);
}

TEST_F(Update, EntriesAboveTheLeavesAreCheckedInFull)
{
    EXPECT_EQ(write(a, a[2], 9, entry(a[40], link | Entry::large)), error(Errno::einval));
    EXPECT_EQ(write(a, a[2], 0, slot(a[2], 0) | Entry::large), error(Errno::einval)) << "in place: XSA-148";
    EXPECT_EQ(write(a, a[2], 9, entry(a[2], link)), error(Errno::ebusy)) << "recursive";
    EXPECT_EQ(write(a, a[1], 9, entry(a[3], link)), error(Errno::ebusy)) << "a level too low";
    EXPECT_EQ(write(a, a[2], 9, entry(a[1], link)), error(Errno::ebusy)) << "a level too high";
    EXPECT_EQ(write(a, a[2], 9, entry(a[10], link)), error(Errno::ebusy)) << "mapped writable";
    EXPECT_NE(write(a, a[2], 9, entry(b[10], link)), 0) << "another domain's";
    EXPECT_NE(write(a, a[2], 9, entry(b[10], link), b.id().value), 0) << "another domain's, by name";
    for (unsigned index = 256; index <= 271; ++index) {
        EXPECT_EQ(write(a, a[0], index, entry(a[40], link)), error(Errno::einval)) << index;
        EXPECT_EQ(write(a, a[0], index, 0), error(Errno::einval)) << index;
    }
    EXPECT_EQ(write(a, a[0], 272, entry(a[40], link)), 0);
    EXPECT_EQ(write(a, a[0], 255, entry(a[41], link)), 0);
}

TEST_F(Update, OrdinaryMemoryIsJustWritten)
{
    ASSERT_EQ(write(a, a[40], 17, 0x1234'5678'9abc'def0), 0);
    EXPECT_EQ(slot(a[40], 17), 0x1234'5678'9abc'def0u);
    EXPECT_NE(write(a, b[40], 17, 1), 0);
    EXPECT_EQ(slot(b[40], 17), 0u);
    EXPECT_NE(write(a, mm::zero_frame(), 0, 1), 0);
    EXPECT_NE(write(a, Mfn{1ull << 39}, 0, 1), 0);
}

TEST_F(Update, CommandsAndPartiesAreChecked)
{
    for (unsigned command = 4; command < 8; ++command)
        EXPECT_EQ(write(a, a[3], 40, 0, domid_self.value, command), error(Errno::enosys));
    EXPECT_EQ(write(a, a[3], 40, 0, b.id().value), error(Errno::eperm)) << "no guest names another";
    EXPECT_EQ(write(a, a[3], 40, 0, domid_io.value), error(Errno::eperm));
    EXPECT_EQ(write(a, a[3], 40, 0, (b.id().value + 1u) << 16 | domid_self.value), error(Errno::eperm));
    EXPECT_EQ(write(a, a[3], 40, 0, 999), error(Errno::eperm));
    EXPECT_EQ(write(dom0, a[3], 40, 0, 999), error(Errno::esrch));
}

TEST_F(Update, TheFirstFailureEndsTheListAndIsCounted)
{
    auto const result = update(a, {{machine(a[3], 40), entry(a[40], readable)},
                                   {machine(a[3], 41), entry(a[41], readable)},
                                   {machine(a[3], 42), entry(b[42], readable)},
                                   {machine(a[3], 43), entry(a[43], readable)}});
    EXPECT_EQ(result, error(Errno::ebusy));
    EXPECT_EQ(done, 2u);
    EXPECT_EQ(references(a[41]), 2u);
    EXPECT_EQ(references(a[43]), 1u);
}

TEST_F(Update, LongListsAreContinuedAndCountedOnce)
{
    std::vector<xen::mmu_update> requests;
    for (unsigned i = 0; i < 9000; ++i)
        requests.push_back({machine(a[3], 40 + i % 400), entry(a[40 + i % 20], i % 3 ? readable : read_write)});
    EXPECT_EQ(update(a, requests), 0);
    EXPECT_GT(segments, 1u);
    EXPECT_EQ(done, 9000u);
}

TEST_F(Update, LongUndoingAfterTheLastRequestIsPartOfTheCall)
{
    for (unsigned i = 0; i < 10; ++i) {
        slot(a[40], i) = entry(a[41 + i], link);
        for (unsigned k = 0; k < table_entries; ++k)
            slot(a[41 + i], k) = entry(a[60], readable);
    }
    ASSERT_EQ(write(a, a[1], 3, entry(a[40], link)), 0);
    EXPECT_EQ(write(a, a[1], 3, 0), 0);
    EXPECT_GT(segments, 1u);
    EXPECT_EQ(done, 1u);
    for (unsigned i = 40; i <= 60; ++i)
        EXPECT_EQ(references(a[i]), 1u);
    EXPECT_EQ(update(a, {}), 0) << "an empty list is no error";
}

TEST_F(Update, TheMachinesNumberingIsTheOwnersOwn)
{
    ASSERT_EQ(update(a, {{a[7].value << page_shift | xen::MMU_MACHPHYS_UPDATE, 777}}), 0);
    EXPECT_EQ(mm::m2p(a[7]).value, 777u);
    EXPECT_NE(update(a, {{b[7].value << page_shift | xen::MMU_MACHPHYS_UPDATE, 777}}), 0);
    EXPECT_NE(mm::m2p(b[7]).value, 777u);
    EXPECT_EQ(update(dom0, {{b[7].value << page_shift | xen::MMU_MACHPHYS_UPDATE, 778}}, b.id().value), 0);
    EXPECT_EQ(mm::m2p(b[7]).value, 778u);
}

TEST_F(Update, VirtualAddressesLeadThroughTheCurrentTables)
{
    ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0);
    EXPECT_EQ(Entry{slot(a[3], 40)}.frame(), a[40]);
    EXPECT_EQ(map(a, 1ull << 30, entry(a[40], readable)), error(Errno::einval)) << "no table on the way";
    EXPECT_EQ(map(a, 0xffff'8000'0000'0000, 0), error(Errno::einval)) << "ours";
    EXPECT_EQ(map(a, 0xffff'8300'0000'0000, 0), error(Errno::einval)) << "ours";
    EXPECT_EQ(map(a, 0x8000'0000'0000'0000, 0), error(Errno::einval)) << "not canonical";
    EXPECT_EQ(map_other(a, 40 * page_size, entry(b[40], readable), b.id()), error(Errno::eperm));
    EXPECT_EQ(map_other(a, 40 * page_size, entry(a[41], readable), a.id()), 0);
}

TEST_F(Update, TheControlDomainMapsOthersMemory)
{
    start(dom0);
    ASSERT_EQ(map_other(dom0, 40 * page_size, entry(a[9], read_write), a.id()), 0);
    EXPECT_EQ(state(a[9]).type_count(), 2u);
    EXPECT_EQ(map_other(dom0, 41 * page_size, entry(a[9], read_write), b.id()), error(Errno::ebusy)) << "not b's";
    EXPECT_EQ(map(dom0, 41 * page_size, entry(a[9], read_write)), error(Errno::ebusy)) << "not its own";
    EXPECT_EQ(map_other(dom0, 41 * page_size, entry(a[3], read_write), a.id()), error(Errno::ebusy)) << "a table";
    EXPECT_EQ(map_other(dom0, 41 * page_size, entry(a[3], readable), a.id()), 0);
    EXPECT_EQ(map_other(dom0, 42 * page_size, entry(mm::zero_frame(), read_write), domid_xen), error(Errno::eacces));
    // What is mapped outlives its owner, and goes with the last mapping.
    domain::Domain* const dying = a.domain;
    destroy(a);
    audit_is_clean("with a zombie");
    EXPECT_FALSE(dying->memory.empty());
    EXPECT_EQ(map(dom0, 40 * page_size, 0), 0);
    EXPECT_EQ(map(dom0, 41 * page_size, 0), 0);
    EXPECT_TRUE(dying->memory.empty());
}

TEST_F(Update, OfTheHypervisorOnlyTheM2pMayBeSeen)
{
    start(dom0);
    Mfn const m2p = mm::m2p_piece(0);
    EXPECT_EQ(map_other(dom0, 40 * page_size, entry(m2p + 3, read_write), domid_xen), error(Errno::eacces));
    ASSERT_EQ(map_other(dom0, 40 * page_size, entry(m2p + 3, readable), domid_xen), 0);
    EXPECT_EQ(map_other(dom0, 41 * page_size, entry(mm::zero_frame(), readable), domid_xen), error(Errno::eacces));
    EXPECT_EQ(map_other(dom0, 41 * page_size, entry(m2p + 512, readable), domid_xen), error(Errno::eacces));
    EXPECT_EQ(map_other(a, 40 * page_size, entry(m2p + 3, readable), domid_xen), error(Errno::eperm));
    EXPECT_EQ(references(m2p + 3), 2u);
    ASSERT_EQ(map(dom0, 40 * page_size, 0), 0);
    EXPECT_EQ(references(m2p + 3), 1u);
}

TEST_F(Update, TheControlDomainChangesOthersTables)
{
    std::uint32_t const of_a = (a.id().value + 1u) << 16 | a.id().value;
    EXPECT_EQ(write(dom0, a[3], 40, entry(a[40], read_write), of_a), 0);
    EXPECT_EQ(write(dom0, a[3], 2, entry(a[2], read_write), of_a), error(Errno::ebusy));
    EXPECT_EQ(write(dom0, a[3], 41, entry(b[40], readable), of_a), error(Errno::ebusy));
    EXPECT_EQ(extend(dom0, extended(xen::MMUEXT_UNPIN_TABLE, a[0].value), 0, a.id().value), 0);
    EXPECT_EQ(extend(dom0, extended(xen::MMUEXT_PIN_L4_TABLE, a[0].value), 0, a.id().value), 0);
    EXPECT_EQ(extend(dom0, extended(xen::MMUEXT_PIN_L1_TABLE, a[50].value), 0, domid_xen.value), error(Errno::einval));
}

TEST_F(Update, PagesAreClearedAndCopiedOnlyWhereTheGuestMayWrite)
{
    slot(a[40], 3) = 77;
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_COPY_PAGE, a[41].value, a[40].value)), 0);
    EXPECT_EQ(slot(a[41], 3), 77u);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_CLEAR_PAGE, a[41].value)), 0);
    EXPECT_EQ(slot(a[41], 3), 0u);
    EXPECT_NE(extend(a, extended(xen::MMUEXT_CLEAR_PAGE, a[3].value)), 0) << "a page table";
    EXPECT_NE(extend(a, extended(xen::MMUEXT_COPY_PAGE, a[3].value, a[40].value)), 0);
    EXPECT_NE(extend(a, extended(xen::MMUEXT_COPY_PAGE, a[40].value, b[40].value)), 0);
    EXPECT_NE(extend(a, extended(xen::MMUEXT_COPY_PAGE, b[40].value, a[40].value)), 0);
}

TEST_F(Update, TheHypervisorsOwnMemoryIsNobodysToClear)
{
    auto const made = mm::allocator.allocate(0);
    ASSERT_TRUE(made);
    mm::frames[*made].state.store(mm::FrameState{}.plus_references(1).word()); // as boot leaves the image
    slot(*made, 0) = 99;
    EXPECT_NE(extend(dom0, extended(xen::MMUEXT_CLEAR_PAGE, made->value), 0, domid_xen.value), 0);
    EXPECT_NE(extend(dom0, extended(xen::MMUEXT_COPY_PAGE, made->value, dom0[3].value), 0, domid_xen.value), 0);
    EXPECT_NE(extend(dom0, extended(xen::MMUEXT_COPY_PAGE, made->value, made->value), 0, domid_xen.value), 0);
    EXPECT_EQ(slot(*made, 0), 99u);
    EXPECT_EQ(state(*made).type(), FrameType::none);
    mm::frames[*made].state.store(0);
    mm::allocator.release(*made, 0);
}

TEST_F(Update, RootsAreCountedForEachVcpu)
{
    expect_type(a[0], FrameType::l4, 2); // pin and vCPU 0
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[0].value), 1), 0);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, a[0].value), 1), 0);
    expect_type(a[0], FrameType::l4, 4);
    ASSERT_EQ(unpin(a, a[0]), 0);
    expect_type(a[0], FrameType::l4, 3);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[0].value), 1), 0) << "the same again";
    expect_type(a[0], FrameType::l4, 3);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, 0), 1), 0);
    expect_type(a[0], FrameType::l4, 2);
    EXPECT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[1].value)), error(Errno::ebusy));
    EXPECT_NE(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, b[1].value)), 0);
    EXPECT_NE(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, 0)), 0);
    EXPECT_EQ(a.vcpu().pv.kernel_root, a[0]);
    slot(a[40], 0) = entry(a[1], link); // an unpinned root: it lives while a vCPU runs on it
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[40].value), 1), 0);
    expect_type(a[40], FrameType::l4, 1);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[0].value), 1), 0);
    expect_type(a[40], FrameType::none, 0);
}

TEST_F(Update, TheProcessorLeavesARootBeforeItIsUndone)
{
    slot(a[40], 0) = entry(a[1], link);
    a.vcpu().set_loaded_cpu(0);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[40].value)), 0);
    EXPECT_EQ(cpu::fake_registers.cr3 >> page_shift, a[40].value);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[0].value)), 0);
    EXPECT_EQ(cpu::fake_registers.cr3 >> page_shift, a[0].value);
    a.vcpu().set_loaded_cpu(max_cpus);
}

TEST_F(Update, AbsentEntriesNameNoMemoryWhereTheProcessorFollowsThem)
{
    std::uint64_t const end = mm::frames.limit().value;
    std::uint64_t const mine = a[40].value << page_shift, beyond = end << page_shift;
    std::uint64_t const swapped = 0x000f'ffff'ffff'e000ul & ~(a[40].value << page_shift); // as Linux inverts what it keeps there
    for (std::uint64_t value : {mine, beyond, swapped, 0x800ul})
        EXPECT_EQ(write(a, a[3], 50, value), 0) << "nobody looks on other processors";
    ASSERT_EQ(write(a, a[3], 50, 0), 0);

    a.domain->space.end_of_memory = end;
    for (std::uint64_t value : {mine, b[3].value << page_shift, (end - 1) << page_shift, 1ul << 44 | mine, 1ul << 50 | mine}) {
        EXPECT_EQ(write(a, a[3], 50, value), error(Errno::einval)) << std::hex << value;
        EXPECT_EQ(slot(a[3], 50), 0u);
        EXPECT_EQ(map(a, 50 * page_size, value), error(Errno::einval)) << std::hex << value;
        for (unsigned table = 0; table < 3; ++table)
            EXPECT_EQ(write(a, a[table], 50, value), error(Errno::einval)) << std::hex << value << " in table " << table;
    }
    for (std::uint64_t value : {beyond, swapped, 0x800ul, std::uint64_t{0}})
        EXPECT_EQ(write(a, a[3], 50, value), 0) << std::hex << value;

    // Neither do tables that are made of bytes.
    for (unsigned level = 1; level <= 4; ++level) {
        for (unsigned i = 0; i < table_entries; ++i)
            slot(a[10], i) = 0;
        slot(a[10], 9) = mine;
        ASSERT_EQ(write(a, a[3], 10, entry(a[10], readable)), 0);
        EXPECT_EQ(pin(a, a[10], level), error(Errno::einval)) << level;
        ASSERT_EQ(write(a, a[3], 10, entry(a[10], read_write)), 0);
    }
    a.domain->space.end_of_memory = 0;
}

} // namespace
} // namespace rf::pvmmu_tests
