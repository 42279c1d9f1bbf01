// SPDX-License-Identifier: MIT
/// Firmware memory maps are unsorted, overlapping and sometimes absurd. What comes out must be sorted and disjoint, and
/// must never call memory usable that any entry calls something else. The last test checks this against a byte-by-byte
/// model on random maps; a failure would hand device registers or firmware tables to a domain.

#include "boot/memory_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace {

using namespace rf;
using boot::MemoryMap;
using boot::MemoryRegion;
using boot::MemoryType;

std::vector<MemoryRegion> regions(MemoryMap const& map)
{
    return {map.regions().begin(), map.regions().end()};
}

TEST(MemoryMap, MergesNeighboursAndSorts)
{
    MemoryMap map;
    map.add(0x100000, 0x100000, 1);
    map.add(0, 0xa0000, 1);
    map.add(0x200000, 0x1000, 1);
    map.sanitise();
    EXPECT_EQ(regions(map), (std::vector<MemoryRegion>{{0, 0xa0000, MemoryType::ram}, {0x100000, 0x101000, MemoryType::ram}}));
    EXPECT_EQ(map.ram_bytes(), 0xa0000u + 0x101000u);
}

TEST(MemoryMap, ReservedInsideRamSplitsIt)
{
    MemoryMap map;
    map.add(0, 0x10000, 1);
    map.add(0x4000, 0x1000, 2);
    map.sanitise();
    EXPECT_EQ(regions(map), (std::vector<MemoryRegion>{{0, 0x4000, MemoryType::ram},
                                                       {0x4000, 0x1000, MemoryType::reserved},
                                                       {0x5000, 0xb000, MemoryType::ram}}));
    EXPECT_TRUE(map.is_ram(0x3000, 0x1000));
    EXPECT_FALSE(map.is_ram(0x3000, 0x1001));
    EXPECT_FALSE(map.is_ram(0x4000, 1));
    EXPECT_FALSE(map.is_ram(0x5000, ~0ull)) << "a length that wraps is not RAM";
}

TEST(MemoryMap, UnknownTypesAreReserved)
{
    MemoryMap map;
    map.add(0, 0x1000, 12);
    map.add(0x1000, 0x1000, 0);
    map.sanitise();
    EXPECT_EQ(regions(map), (std::vector<MemoryRegion>{{0, 0x2000, MemoryType::reserved}}));
}

TEST(MemoryMap, CutsWhatLeavesTheAddressSpace)
{
    MemoryMap map;
    map.add(~0ull - 5, 100, 1);
    map.add((1ull << 52) - 0x1000, ~0ull, 1);
    map.add(0x1000, 0, 1);
    map.sanitise();
    EXPECT_EQ(regions(map), (std::vector<MemoryRegion>{{(1ull << 52) - 0x1000, 0x1000, MemoryType::ram}}));
}

TEST(MemoryMap, CountsWhatDoesNotFit)
{
    MemoryMap map;
    for (unsigned i = 0; i < boot::memory_regions_max + 7; ++i)
        map.add(i * 0x2000ull, 0x1000, 1);
    EXPECT_EQ(map.lost(), 7u);
    map.sanitise();
    EXPECT_EQ(map.regions().size(), boot::memory_regions_max);
}

TEST(MemoryMap, AgreesWithAModelOnRandomMaps)
{
    std::mt19937_64 random(20240817);
    for (unsigned round = 0; round < 300; ++round) {
        MemoryMap map;
        std::array<unsigned, 256> model{};
        unsigned const entries = 1 + random() % 20;
        for (unsigned i = 0; i < entries; ++i) {
            unsigned const start = random() % 256, length = random() % (257 - start), type = 1 + random() % 5;
            map.add(start, length, type);
            for (unsigned at = start; at < start + length; ++at)
                model[at] = std::max(model[at], type);
        }
        map.sanitise();
        std::array<unsigned, 256> seen{};
        std::uint64_t last_end = 0;
        for (MemoryRegion const& region : map.regions()) {
            ASSERT_GE(region.start, last_end) << "overlap or disorder in round " << round;
            ASSERT_GT(region.length, 0u);
            last_end = region.end();
            for (std::uint64_t at = region.start; at < region.end(); ++at)
                seen[at] = static_cast<unsigned>(region.type);
        }
        ASSERT_EQ(seen, model) << "round " << round;
    }
}

} // namespace
