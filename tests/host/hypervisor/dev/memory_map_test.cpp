// SPDX-License-Identifier: MIT
/// Story: Dom0 takes everything that this map calls RAM for memory. Wherever the firmware's entries overlap, the stricter
/// one must win; the pages of the interrupt controllers must always be reserved; the result must be sorted and disjoint.
/// Random maps are compared, page by page, with the strictest type that any entry gives a page.
#include "dev/memory_map.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace rf::dev {
namespace {

using xen::e820entry;

struct Machine {
    std::unique_ptr<acpi::Tables> tables = std::make_unique<acpi::Tables>();
    std::vector<e820entry> map = std::vector<e820entry>(256);
    Status compose(std::vector<e820entry> const& host)
    {
        auto const count = compose_machine_map(host, *tables, map);
        if (!count)
            return fail(count.error());
        map.resize(*count);
        return {};
    }
};

bool same(e820entry const& a, e820entry const& b) { return a.addr == b.addr && a.size == b.size && a.type == b.type; }

TEST(MachineMap, AddsTheInterruptControllers)
{
    Machine m;
    ASSERT_TRUE(m.tables->io_apics.push_back({.id = 0, .address = 0xfec00000, .first_gsi = 0}));
    ASSERT_TRUE(m.compose({{0x100000, 0x7fe0000 - 0x100000, xen::E820_RAM},
                           {0, 0x9fc00, xen::E820_RAM},
                           {0x9fc00, 0x400, xen::E820_RESERVED},
                           {0xf0000, 0x10000, xen::E820_RESERVED},
                           {0x7fe0000, 0x20000, xen::E820_ACPI},
                           {0xfffc0000, 0x40000, xen::E820_RESERVED}}));
    std::vector<e820entry> const expected{{0, 0x9fc00, xen::E820_RAM},
                                          {0x9fc00, 0x400, xen::E820_RESERVED},
                                          {0xf0000, 0x10000, xen::E820_RESERVED},
                                          {0x100000, 0x7fe0000 - 0x100000, xen::E820_RAM},
                                          {0x7fe0000, 0x20000, xen::E820_ACPI},
                                          {0xfec00000, 0x1000, xen::E820_RESERVED},
                                          {0xfee00000, 0x1000, xen::E820_RESERVED},
                                          {0xfffc0000, 0x40000, xen::E820_RESERVED}};
    ASSERT_EQ(m.map.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_TRUE(same(m.map[i], expected[i])) << "entry " << i;
}

TEST(MachineMap, AControllerInsideReservedMemoryChangesNothing)
{
    Machine m;
    ASSERT_TRUE(m.compose({{0xfed00000, 0x200000, xen::E820_RESERVED}}));
    ASSERT_EQ(m.map.size(), 1u);
    EXPECT_TRUE(same(m.map[0], {0xfed00000, 0x200000, xen::E820_RESERVED}));
}

TEST(MachineMap, AControllerInsideRamCutsIt)
{
    Machine m;
    m.tables->local_apic_address = 0x5000;
    ASSERT_TRUE(m.compose({{0, 0x10000, xen::E820_RAM}}));
    ASSERT_EQ(m.map.size(), 3u);
    EXPECT_TRUE(same(m.map[1], {0x5000, 0x1000, xen::E820_RESERVED}));
}

TEST(MachineMap, IgnoresEmptyAndWrappingEntries)
{
    Machine m;
    ASSERT_TRUE(m.compose({{0x1000, 0, xen::E820_RAM}, {~0ull - 10, 100, xen::E820_RAM}, {0, 0x1000, xen::E820_RAM}}));
    EXPECT_EQ(m.map.size(), 2u);
}

TEST(MachineMap, SaysWhenTheAnswerDoesNotFit)
{
    Machine m;
    m.map.resize(2);
    EXPECT_EQ(m.compose({{0, 0x1000, xen::E820_RAM}, {0x1000, 0x1000, xen::E820_RESERVED}}).error(), Errno::enospc);
}

unsigned strictness(std::uint32_t type)
{
    constexpr std::uint32_t order[] = {xen::E820_RAM, xen::E820_ACPI, xen::E820_NVS, xen::E820_RESERVED};
    for (unsigned i = 0; i < 4; ++i)
        if (order[i] == type)
            return i + 1;
    return 5;
}

TEST(MachineMap, TheStrictestTypeWinsEverywhere)
{
    std::mt19937 random(5);
    constexpr std::uint64_t pages = 120;
    for (unsigned round = 0; round < 500; ++round) {
        Machine m;
        m.tables->local_apic_address = random() % pages * page_size;
        std::vector<e820entry> host;
        std::vector<unsigned> strongest(pages, 0);
        for (unsigned i = 0; i < 25; ++i) {
            std::uint64_t const first = random() % pages;
            std::uint64_t const count = 1 + random() % std::min<std::uint64_t>(20, pages - first);
            auto const type = static_cast<std::uint32_t>(1 + random() % 6);
            host.push_back({first * page_size, count * page_size, type});
            for (std::uint64_t p = first; p < first + count; ++p)
                strongest[p] = std::max(strongest[p], strictness(type));
        }
        auto& apic = strongest[m.tables->local_apic_address / page_size];
        apic = std::max(apic, strictness(xen::E820_RESERVED));
        ASSERT_TRUE(m.compose(host));
        std::vector<unsigned> got(pages, 0);
        std::uint64_t end = 0;
        for (auto const& entry : m.map) {
            std::uint64_t const start = entry.addr; // the structure is packed: no reference to its members
            ASSERT_GE(start, end) << "sorted and disjoint";
            end = start + entry.size;
            for (std::uint64_t p = start / page_size; p < end / page_size; ++p)
                got[p] = strictness(entry.type);
        }
        ASSERT_EQ(got, strongest) << "round " << round;
    }
}

} // namespace
} // namespace rf::dev
