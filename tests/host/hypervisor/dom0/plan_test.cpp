// SPDX-License-Identifier: MIT
// The plan of the first domain's address space.
//
// Claim: for any kernel, initrd and memory size the parts lie in the window in the ABI's order without overlap, the number
// of page tables is the least that maps the window (they lie in it themselves), at least 512 KiB follow the stack, and
// what cannot fit is refused. A failure shows as overlapping ranges or a wrong count. The figures of a real boot of
// Debian's kernel under Xen serve as anchor.

#include "dom0/memory_size.hpp"
#include "dom0/plan.hpp"

#include <gtest/gtest.h>
#include <random>

namespace rf::dom0::test {
namespace {

KernelNotes debian()
{
    KernelNotes notes;
    notes.virt_base = 0xffff'ffff'8000'0000;
    notes.image_start = 0xffff'ffff'8100'0000;
    notes.image_end = 0xffff'ffff'84a0'0000;
    notes.entry = 0xffff'ffff'8307'91c0;
    notes.init_p2m = 0x80'0000'0000;
    notes.mod_start_pfn = true;
    return notes;
}

constexpr std::uint64_t mebibyte_pages = (1u << 20) / page_size;

TEST(Plan, EqualsARealBootOfDebiansKernel)
{
    auto const plan = make_plan(debian(), 31'163'009, 512 * mebibyte_pages);
    ASSERT_TRUE(plan) << plan.error().what;
    EXPECT_EQ(plan->address_of(plan->start_info.first), 0xffff'ffff'84a0'0000);
    EXPECT_EQ(plan->address_of(plan->tables.first), 0xffff'ffff'84a0'1000);
    EXPECT_EQ(plan->tables.count, 0x29u);
    EXPECT_EQ(plan->stack_top(), 0xffff'ffff'84a2'b000);
    EXPECT_EQ(plan->window_end, 0xffff'ffff'84c0'0000);
    EXPECT_EQ(plan->initrd.first, plan->window.end());
    EXPECT_EQ(plan->initrd.count, (31'163'009 + 4095) / 4096u);
    EXPECT_EQ(plan->p2m.count, 256u);
    EXPECT_EQ(plan->p2m_tables.count, 3u);
    EXPECT_EQ(plan->p2m_address, 0x80'0000'0000);
}

/// Everything that must hold of any plan.
void expect_sound(Plan const& plan, KernelNotes const& notes, std::uint64_t initrd_bytes, std::uint64_t pages)
{
    std::uint64_t const initrd_pages = (initrd_bytes + page_size - 1) / page_size;
    EXPECT_EQ(plan.pages, pages);
    EXPECT_EQ(plan.initrd.count, initrd_pages);
    EXPECT_EQ(plan.p2m.count, (pages * 8 + page_size - 1) / page_size);

    // In the window, in this order, without gaps.
    EXPECT_LE(plan.address_of(plan.kernel.first), notes.image_start);
    EXPECT_GE(plan.address_of(plan.kernel.end()), notes.image_end);
    Pfn next = plan.kernel.end();
    if (!notes.mod_start_pfn && initrd_bytes) {
        EXPECT_EQ(plan.initrd.first, next);
        next = plan.initrd.end();
    }
    if (!notes.init_p2m) {
        EXPECT_EQ(plan.p2m.first, next);
        EXPECT_EQ(plan.p2m_address, plan.address_of(next));
        EXPECT_EQ(plan.p2m_tables.count, 0u);
        next = plan.p2m.end();
    }
    EXPECT_EQ(plan.start_info.first, next);
    EXPECT_EQ(plan.start_info.count, 1u);
    EXPECT_EQ(plan.tables.first, plan.start_info.end());
    EXPECT_EQ(plan.stack.first, plan.tables.end());
    EXPECT_EQ(plan.stack.count, 1u);

    EXPECT_TRUE(plan.window_end % (4u << 20) == 0 || pages <= plan.window.count);
    EXPECT_GE(plan.window_end - plan.stack_top(), 512u << 10);
    EXPECT_LE(plan.window_end - plan.stack_top(), (4u << 20) + (512u << 10));
    EXPECT_EQ(plan.window.count << page_shift, plan.window_end - plan.virt_base);

    // Exactly the tables that map the window: counted anew, one by one.
    std::uint64_t tables = 1;
    for (unsigned const shift : {21u, 30u, 39u})
        for (std::uint64_t unit = plan.virt_base >> shift; unit <= (plan.window_end - 1) >> shift; ++unit)
            ++tables;
    EXPECT_EQ(plan.tables.count, tables);
    EXPECT_EQ(plan.table_counts.total() + 1, tables);

    // Behind the window.
    next = plan.window.end();
    if (notes.mod_start_pfn || !initrd_bytes) {
        EXPECT_EQ(plan.initrd.first, next);
        next = plan.initrd.end();
    }
    if (notes.init_p2m) {
        EXPECT_EQ(plan.p2m.first, next);
        EXPECT_EQ(plan.p2m_tables.first, plan.p2m.end());
        next = plan.p2m_tables.end();
    }
    EXPECT_EQ(plan.pages_needed, next.value);
}

TEST(Plan, HoldsForAnyKernel)
{
    std::mt19937_64 random(4711);
    constexpr std::uint64_t bases[] = {0xffff'ffff'8000'0000, 0, 0x40'0000'0000, 0xffff'8800'0000'0000, 0x7f00'0000'0000,
                                       0xffff'ffff'c000'1000};
    unsigned sound = 0;
    for (int round = 0; round < 4000; ++round) {
        KernelNotes notes;
        notes.virt_base = bases[random() % std::size(bases)];
        notes.image_start = notes.virt_base + random() % (64u << 20);
        notes.image_end = notes.image_start + 1 + random() % (200u << 20);
        notes.mod_start_pfn = random() % 2;
        if (random() % 2)
            notes.init_p2m = (random() % 200) * 0x10'0000'0000 + (random() % 512 << page_shift);
        std::uint64_t const initrd = random() % 3 ? random() % (300u << 20) : 0;
        std::uint64_t const pages = 1 + random() % (1ull << (10 + random() % 20));
        auto const plan = make_plan(notes, initrd, pages);
        if (!plan)
            continue;
        ++sound;
        expect_sound(*plan, notes, initrd, pages);
        if (testing::Test::HasFailure())
            FAIL() << "round " << round;
    }
    EXPECT_GT(sound, 2500u);
}

TEST(Plan, ASmallDomainsWindowEndsWithItsMemory)
{
    KernelNotes notes;
    notes.virt_base = notes.image_start = 0xffff'ffff'8000'0000;
    notes.image_end = notes.image_start + (80u << 10);
    for (std::uint64_t pages : {256u, 300u, 1023u}) {
        auto const plan = make_plan(notes, 0, pages);
        ASSERT_TRUE(plan);
        EXPECT_EQ(plan->window.count, pages);
        EXPECT_EQ(plan->pages_needed, pages);
        EXPECT_EQ(plan->window_end, notes.virt_base + (pages << page_shift));
    }
    // What is needed at least: image, p2m, start_info, four tables, stack, half a megabyte.
    auto const small = make_plan(notes, 0, 1);
    ASSERT_TRUE(small);
    EXPECT_EQ(small->pages_needed, 20u + 1 + 1 + 4 + 1 + 128);
    EXPECT_EQ(make_plan(notes, 0, small->pages_needed)->pages_needed, small->pages_needed);
    // From four megabytes on, or where memory's end lies behind the address space's, nothing changes.
    notes.init_p2m = 0xffff'8880'0000'0000;
    for (std::uint64_t pages : {1024ull, 1025ull, 1ull << 19, 1ull << 20, 1ull << 36})
        if (auto const plan = make_plan(notes, 0, pages)) {
            EXPECT_EQ(plan->window.count, 1024u) << pages;
        }
}

TEST(Plan, WhatDoesNotFitIsRefused)
{
    auto const refused = [](auto change, std::uint64_t initrd = 0, std::uint64_t pages = 1 << 18) {
        KernelNotes notes = debian();
        change(notes);
        auto const plan = make_plan(notes, initrd, pages);
        return plan ? std::string_view("accepted") : plan.error().what;
    };
    using std::string_view;
    constexpr auto nothing = [](KernelNotes&) {};
    EXPECT_EQ(refused(nothing), "accepted");
    EXPECT_NE(refused([](auto& n) { n.mod_start_pfn = false; }, 2ull << 30).find("do not fit"), string_view::npos);
    EXPECT_EQ(refused(nothing, 2ull << 30), "accepted") << "an initrd outside the window may be of any size";
    EXPECT_NE(refused([](auto& n) { n.init_p2m.reset(); }, 0, 1ull << 28).find("do not fit"), string_view::npos);
    EXPECT_NE(refused([](auto& n) { n.init_p2m = 0xffff'8000'0000'0000; }).find("hypervisor"), string_view::npos);
    EXPECT_NE(refused([](auto& n) { n.init_p2m = 0x7fff'ffff'f000; }).find("address space"), string_view::npos);
    EXPECT_NE(refused([](auto& n) { n.init_p2m = 0xffff'ff80'0000'0000; }).find("512 GiB"), string_view::npos);
    EXPECT_NE(refused([](auto& n) {
                  n.virt_base = 0xffff'8700'0000'0000;
                  n.image_start = n.virt_base;
                  n.image_end = n.virt_base + 4096;
              }).find("hypervisor"),
              string_view::npos);
    EXPECT_NE(refused(nothing, 0, 1ull << 40).find("more memory"), string_view::npos);
    EXPECT_NE(refused(nothing, ~0ull, 1 << 18).find("more memory"), string_view::npos);
}

Request asking(dev::MemoryAmount memory, dev::MemoryAmount least = {}, dev::MemoryAmount most = {})
{
    Request request;
    request.memory = memory;
    request.memory_minimum = least;
    request.memory_maximum = most;
    return request;
}

constexpr dev::MemoryAmount mebibytes(std::uint64_t amount) { return {true, false, amount << 20}; }

TEST(MemorySize, FollowsDom0Mem)
{
    std::uint64_t const gibibyte = 1024 * mebibyte_pages;
    EXPECT_EQ(choose_memory_size(asking(mebibytes(512)), gibibyte).pages, 512 * mebibyte_pages);
    EXPECT_EQ(choose_memory_size(asking({true, true, 100u << 20}), gibibyte).pages, 924 * mebibyte_pages);
    EXPECT_EQ(choose_memory_size(asking(mebibytes(64), mebibytes(128)), gibibyte).pages, 128 * mebibyte_pages);
    auto const bounded = choose_memory_size(asking(mebibytes(512), {}, mebibytes(256)), gibibyte);
    EXPECT_EQ(bounded.pages, 256 * mebibyte_pages);
    EXPECT_EQ(bounded.limit, 256 * mebibyte_pages);
    auto const growing = choose_memory_size(asking(mebibytes(512), {}, mebibytes(768)), gibibyte);
    EXPECT_EQ(growing.pages, 512 * mebibyte_pages);
    EXPECT_EQ(growing.limit, 768 * mebibyte_pages);
}

TEST(MemorySize, LeavesAReserve)
{
    EXPECT_EQ(choose_memory_size({}, 1024 * mebibyte_pages).pages, (1024 - 80) * mebibyte_pages);
    EXPECT_EQ(choose_memory_size({}, 64 * 1024 * mebibyte_pages).pages, (64 * 1024 - 128) * mebibyte_pages);
    EXPECT_EQ(choose_memory_size({}, 128 * mebibyte_pages).pages, 96 * mebibyte_pages);
    EXPECT_EQ(choose_memory_size(asking(mebibytes(1 << 20)), 1024 * mebibyte_pages).pages, (1024 - 8) * mebibyte_pages);
    EXPECT_EQ(choose_memory_size({}, 0).pages, 0u);
}

} // namespace
} // namespace rf::dom0::test
