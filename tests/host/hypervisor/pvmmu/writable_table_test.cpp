// SPDX-License-Identifier: MIT
// Linux stores to its level-1 tables as if they were memory. The store faults, is decoded from the guest's own code, and
// becomes a checked update; what it may not do is the guest's page fault.
#include "world.hpp"

#include "pvcpu/table_write.hpp"

namespace rf::pvmmu_tests {
namespace {

using pvcpu::TableWrite;

class WritableTables : public World {
protected:
    void SetUp() override
    {
        start(a);
        a.domain->assists = 1ull << xen::VMASST_TYPE_writable_pagetables;
    }
    /// Executes one instruction that faults when it writes to `offset` of the mapped table.
    TableWrite execute(std::vector<std::uint8_t> code, std::uint64_t offset, Mfn table)
    {
        code.resize(16, 0x90);
        bytes_ = std::move(code);
        regs.rip = address(bytes_.data());
        unsigned const page = static_cast<unsigned>(std::ranges::find(a.frames, table) - a.frames.begin());
        regs.rdi = page * page_size + offset;
        auto const outcome = pvcpu::emulate_table_write(a.vcpu(), regs, GuestVirtual{regs.rdi});
        audit_is_clean("after a store");
        return outcome;
    }
    xen::cpu_user_regs regs{};
    std::vector<std::uint8_t> bytes_;
    static inline std::vector<std::uint8_t> const store_rax{0x48, 0x89, 0x07}; // mov %rax, (%rdi)
    static inline std::vector<std::uint8_t> const swap_rax{0x48, 0x87, 0x07};  // xchg %rax, (%rdi)
};

TEST_F(WritableTables, AStoreIsACheckedUpdate)
{
    regs.rax = entry(a[40], read_write);
    ASSERT_EQ(execute(store_rax, 40 * 8, a[3]), TableWrite::done);
    expect_type(a[40], FrameType::writable, 1);
    EXPECT_EQ(regs.rip, address(bytes_.data()) + 3);
    regs.rax = 0;
    ASSERT_EQ(execute(swap_rax, 40 * 8, a[3]), TableWrite::done);
    EXPECT_EQ(Entry{regs.rax}.frame(), a[40]);
    EXPECT_EQ(state(a[40]).references(), 1u);
}

TEST_F(WritableTables, WhatIsNotAllowedIsTheGuestsFault)
{
    std::uint64_t const before = regs.rip;
    for (std::uint64_t value : {entry(a[2], read_write), entry(b[5], readable), entry(mm::zero_frame(), readable)}) {
        regs.rax = value;
        EXPECT_EQ(execute(store_rax, 2 * 8, a[3]), TableWrite::not_ours);
        EXPECT_EQ(slot(a[3], 2), entry(a[2], readable | Entry::global));
        EXPECT_EQ(regs.rip, address(bytes_.data())) << before;
    }
    regs.rax = entry(a[40], readable);
    EXPECT_EQ(execute(store_rax, 8, a[2]), TableWrite::not_ours) << "tables above level 1 are not written so";
    EXPECT_EQ(execute(store_rax, 8, a[5]), TableWrite::not_ours) << "ordinary memory, mapped writable";
    EXPECT_EQ(execute(store_rax, 2 * 8 + 4, a[3]), TableWrite::not_ours) << "across two entries";
    a.domain->assists = 0;
    EXPECT_EQ(execute(store_rax, 40 * 8, a[3]), TableWrite::not_ours) << "not asked for";
}

TEST_F(WritableTables, PartOfAnEntryIsJudgedAsTheWholeThatItMakes)
{
    // Setting one bit of a byte in place must not make a table writable.
    EXPECT_EQ(execute({0x80, 0x0f, 0x02}, 2 * 8, a[3]), TableWrite::not_ours); // orb $2, (%rdi)
    EXPECT_EQ(execute({0x80, 0x0f, 0x02}, 3 * 8, a[3]), TableWrite::not_ours);
    EXPECT_EQ(execute({0x80, 0x27, 0xfd}, 5 * 8, a[3]), TableWrite::done); // andb $~2, (%rdi)
    EXPECT_EQ(state(a[5]).type_count(), 0u);
    EXPECT_EQ(execute({0x80, 0x0f, 0x02}, 5 * 8, a[3]), TableWrite::done);
    EXPECT_EQ(state(a[5]).type_count(), 1u);
    EXPECT_EQ(execute({0xc7, 0x07, 0, 0, 0, 0}, 5 * 8, a[3]), TableWrite::done); // movl $0, (%rdi)
    EXPECT_EQ(state(a[5]).references(), 1u);
}

TEST_F(WritableTables, WhatAStoreReplacesComesIntoTheRegisterThatAsksForIt)
{
    std::uint64_t const old = slot(a[3], 5);
    regs.rax = 0x1234;
    regs.rcx = entry(a[40], readable);
    static std::vector<std::uint8_t> const compare_rax{0x48, 0x0f, 0xb1, 0x0f}; // cmpxchg %rcx, (%rdi)
    ASSERT_EQ(execute(compare_rax, 5 * 8, a[3]), TableWrite::done);
    EXPECT_EQ(regs.rax, old) << "it was another";
    EXPECT_EQ(slot(a[3], 5), old);
    ASSERT_EQ(execute(compare_rax, 5 * 8, a[3]), TableWrite::done);
    EXPECT_EQ(Entry{slot(a[3], 5)}.frame(), a[40]);
    regs.rax = ~0ull << 32; // its lower half is an entry that maps nothing
    std::uint64_t const now = slot(a[3], 5);
    ASSERT_EQ(execute({0x87, 0x07}, 5 * 8, a[3]), TableWrite::done); // xchg %eax, (%rdi)
    EXPECT_EQ(regs.rax, now & 0xffffffff);
    EXPECT_EQ(slot(a[3], 5), now & ~0xffffffffull);
}

TEST_F(WritableTables, NeitherAbsentPagesNorAbsentCodeAreLookedInto)
{
    regs.rax = 0;
    ASSERT_EQ(execute(store_rax, 5 * 8, a[3]), TableWrite::done);
    EXPECT_EQ(execute(store_rax, 0, a[5]), TableWrite::not_ours) << "nothing is mapped there any more";
    regs.rdi = 3 * page_size;
    for (std::uint64_t const code : {std::uint64_t{0xffff'8300'0000'0000}, ~std::uint64_t{0}, std::uint64_t{0x10}}) {
        regs.rip = code;
        EXPECT_EQ(pvcpu::emulate_table_write(a.vcpu(), regs, GuestVirtual{regs.rdi}), TableWrite::not_ours);
        EXPECT_EQ(regs.rip, code);
    }
    audit_is_clean("after no store");
}

} // namespace
} // namespace rf::pvmmu_tests
