// SPDX-License-Identifier: MIT
// A processor may go on using a translation, or walking a table, that is gone from memory, until it flushes. So a frame
// may change its kind only after every processor has forgotten the old one, and before anybody can use the new one.
#include "world.hpp"

#include <array>
#include <atomic>
#include <thread>

namespace rf::pvmmu_tests {
namespace {

class Flush : public World {
protected:
    void SetUp() override
    {
        cpu::fake_tlb.online = 0b111;
        start(a);
        cpu::flush_cpus(cpu::online());
    }
    /// CPUs that were asked to flush during `action`.
    template <class Action>
    std::uint64_t asked_by(Action action)
    {
        cpu::fake_tlb.last_asked = 0;
        action();
        return cpu::fake_tlb.last_asked;
    }
};

TEST_F(Flush, BeforeWritableMemoryBecomesATable)
{
    ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0);
    ASSERT_EQ(map(a, 40 * page_size, 0), 0);
    EXPECT_EQ(asked_by([&] { ASSERT_EQ(pin(a, a[40], 1), 0); }), 0b111u);
    ASSERT_EQ(unpin(a, a[40]), 0);
}

TEST_F(Flush, BeforeATableBecomesWritableMemory)
{
    // XSA-286: a processor that still walks the old table would take what the guest writes into it for entries.
    ASSERT_EQ(write(a, a[2], 9, entry(a[40], link)), 0);
    ASSERT_EQ(write(a, a[2], 9, 0), 0);
    EXPECT_EQ(asked_by([&] { ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0); }), 0b111u);
    for (unsigned level = 1; level <= 4; ++level) {
        ASSERT_EQ(pin(a, a[41], level), 0);
        ASSERT_EQ(unpin(a, a[41]), 0);
        EXPECT_EQ(asked_by([&] { ASSERT_EQ(write(a, a[41], 0, 0), 0); }), 0b111u) << "a plain write, level " << level;
    }
}

TEST_F(Flush, BeforeADescriptorPageBecomesWritableMemory)
{
    std::uint64_t const frame = a[40].value;
    ASSERT_EQ(run(a, hypercall::set_gdt, {address(&frame), 512}), 0);
    ASSERT_EQ(run(a, hypercall::set_gdt, {0, 0}), 0);
    EXPECT_EQ(asked_by([&] { ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0); }), 0b111u);
}

TEST_F(Flush, BeforeWritableMemoryBecomesADescriptorPage)
{
    ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0);
    ASSERT_EQ(map(a, 40 * page_size, 0), 0);
    std::uint64_t const frame = a[40].value;
    EXPECT_EQ(asked_by([&] { ASSERT_EQ(run(a, hypercall::set_gdt, {address(&frame), 512}), 0); }), 0b111u);
    ASSERT_EQ(run(a, hypercall::set_gdt, {0, 0}), 0);
}

TEST_F(Flush, BeforeMemoryGetsANewOwner)
{
    ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0);
    ASSERT_EQ(map(a, 40 * page_size, 0), 0);
    ASSERT_TRUE(a.domain->memory.give_up(a[40]));
    bool found = false;
    std::uint64_t asked = asked_by([&] {
        for (unsigned i = 0; i < 64 && !found; ++i) {
            b.frames.push_back(b.domain->memory.allocate(0).value());
            found = b.frames.back() == a[40];
        }
    });
    ASSERT_TRUE(found);
    EXPECT_EQ(asked, 0b111u);
}

TEST_F(Flush, OnlyThoseThatHaveNotFlushedSince)
{
    ASSERT_EQ(pin(a, a[40], 1), 0);
    ASSERT_EQ(unpin(a, a[40]), 0);
    cpu::flush_cpus(CpuMask{0b010});
    EXPECT_EQ(asked_by([&] { ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0); }), 0b101u);
    EXPECT_EQ(asked_by([&] {
                  ASSERT_EQ(map(a, 41 * page_size, entry(a[40], read_write)), 0);
                  ASSERT_EQ(map(a, 40 * page_size, 0), 0);
                  ASSERT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0);
                  ASSERT_EQ(map(a, 43 * page_size, entry(a[43], read_write)), 0);
              }),
              0u)
        << "memory that stays memory, or was never anything else, costs nothing";
}

TEST_F(Flush, OfGrantEntriesBeforeTheUnmapIsOver)
{
    start(b);
    Mfn const table = a.domain->grants.frame(0).value();
    direct_as<xen::grant_entry_v1>(table)[8] = {xen::GTF_permit_access, b.id().value,
                                                static_cast<std::uint32_t>(a[40].value)};
    xen::gnttab_map_grant_ref request{};
    request.host_addr = 50 * page_size;
    request.flags = xen::GNTMAP_host_map;
    request.ref = 8;
    request.dom = a.id().value;
    b.domain->mark_loaded(2);
    ASSERT_EQ(run(b, hypercall::grant_table_op, {xen::GNTTABOP_map_grant_ref, address(&request), 1}), 0);
    ASSERT_EQ(request.status, xen::GNTST_okay);
    xen::gnttab_unmap_grant_ref back{request.host_addr, 0, request.handle, 0};
    EXPECT_EQ(asked_by([&] {
                  ASSERT_EQ(run(b, hypercall::grant_table_op, {xen::GNTTABOP_unmap_grant_ref, address(&back), 1}), 0);
              }),
              0b100u);
    EXPECT_EQ(back.status, xen::GNTST_okay);
    b.domain->mark_unloaded(2);
}

TEST_F(Flush, OfManyGrantEntriesBeforeAnyOfThemIsGivenBack)
{
    constexpr unsigned count = 20; // more than one chunk
    start(b);
    auto* const table = direct_as<xen::grant_entry_v1>(a.domain->grants.frame(0).value());
    std::array<xen::gnttab_map_grant_ref, count> maps{};
    for (unsigned i = 0; i < count; ++i) {
        table[8 + i] = {xen::GTF_permit_access, b.id().value, static_cast<std::uint32_t>(a[40 + i].value)};
        maps[i] = {(40 + i) * page_size, xen::GNTMAP_host_map, 8 + i, a.id().value, 1, 0, 0};
    }
    ASSERT_EQ(run(b, hypercall::grant_table_op, {xen::GNTTABOP_map_grant_ref, address(maps.data()), count}), 0);
    std::array<xen::gnttab_unmap_grant_ref, count> unmaps{};
    for (unsigned i = 0; i < count; ++i)
        unmaps[i] = {maps[i].host_addr, 0, maps[i].handle, 1};
    unsigned flushes = 0;
    audits = false;
    cpu::fake_tlb.watch = [&] {
        ++flushes;
        for (unsigned i = 0; i < count; ++i) {
            bool const entry_there = slot(b[3], 40 + i) != 0;
            bool const over = !entry_there && state(a[40 + i]).references() == 1;
            EXPECT_EQ(state(a[40 + i]).references(), over ? 1u : 3u) << "all is there, or an earlier flush was for it";
            EXPECT_EQ(over, flushes == 2 && i < 16) << i;
            EXPECT_EQ((table[8 + i].flags & xen::GTF_writing) != 0, !over);
        }
    };
    EXPECT_EQ(run(b, hypercall::grant_table_op, {xen::GNTTABOP_unmap_grant_ref, address(unmaps.data()), count}), 0);
    cpu::fake_tlb.watch = nullptr;
    audits = true;
    EXPECT_EQ(flushes, 2u) << "one for each chunk";
    for (unsigned i = 0; i < count; ++i)
        EXPECT_EQ(state(a[40 + i]).references(), 1u);
}

TEST_F(Flush, NobodyWritesToAFrameWhileAnotherProcessorStillMakesItWritable)
{
    // Many threads want the frame writable at once, while its former life as a table is not forgotten: all must find the
    // flush done when they have it.
    for (unsigned round = 0; round < 200; ++round) {
        audits = round % 50 == 0;
        ASSERT_EQ(pin(a, a[40], 1), 0);
        ASSERT_EQ(unpin(a, a[40]), 0);
        std::uint32_t const stamp = state(a[40]).field();
        std::atomic<unsigned> ready{0}, early{0};
        auto const work = [&](CpuId cpu) {
            cpu::fake_cpu = cpu;
            ++ready;
            while (ready < 3) {
            }
            if (mm::take_writable(a[40], a.id()) && !cpu::filter_flushed_since(cpu::online(), stamp).empty())
                ++early;
        };
        std::thread one(work, 0), two(work, 1), three(work, 2);
        one.join(), two.join(), three.join();
        EXPECT_EQ(early, 0u);
        expect_type(a[40], FrameType::writable, 3);
        for (unsigned i = 0; i < 3; ++i)
            mm::drop_writable(a[40]);
    }
    audits = true;
}

} // namespace
} // namespace rf::pvmmu_tests
