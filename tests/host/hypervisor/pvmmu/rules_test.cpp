// SPDX-License-Identifier: MIT
// Which bits an entry may have, and which changes are so small that nothing need be counted, is decided by pure functions.
// Here they are held against a second statement of the rules, for every combination of bits.
#include "world.hpp"

namespace rf::pvmmu_tests {
namespace {

using pvmmu::Caching;

constexpr pvmmu::EntryLimits limits{1ull << 30};
/// The 13 flags that are not the frame's: bits 0..11 and 63.
constexpr Entry flags_of(unsigned combination, std::uint64_t frame = 5)
{
    return Entry{frame << page_shift | (combination & 0xfff) | std::uint64_t{combination >> 12 & 1} << 63};
}

TEST(Rules, EveryCombinationOfFlagsAtEveryLevel)
{
    for (unsigned level = 1; level <= 4; ++level)
        for (Caching caching : {Caching::fixed, Caching::free})
            for (unsigned bits = 0; bits < 1u << 13; ++bits) {
                bool expected = true;
                if (bits & 0x98) // PWT, PCD, PAT or large page
                    expected = level == 1 && caching == Caching::free;
                if (bits & 0x100) // global
                    expected = expected && level == 1;
                ASSERT_EQ(pvmmu::admit(flags_of(bits), level, caching, limits).has_value(), expected)
                    << "level " << level << " flags " << bits;
            }
}

TEST(Rules, FramesEndWhereTheMachineDoes)
{
    for (unsigned level = 1; level <= 4; ++level) {
        EXPECT_TRUE(pvmmu::admit(flags_of(7, limits.frame_limit - 1), level, Caching::fixed, limits));
        for (unsigned bit = 30; bit < 40; ++bit)
            EXPECT_FALSE(pvmmu::admit(flags_of(7, 1ull << bit), level, Caching::fixed, limits)) << bit;
    }
}

TEST(Rules, OnlyPairsThatDifferInHarmlessBitsAreTheSameMapping)
{
    // All pairs of the twelve low flags. Harmless: accessed (5), dirty (6), available (9..11).
    unsigned wrong = 0;
    for (unsigned from = 0; from < 1u << 12; ++from)
        for (unsigned to = 0; to < 1u << 12; ++to) {
            bool const expected = (from & to & 1) && ((from ^ to) & ~0xe60u) == 0;
            wrong += pvmmu::same_mapping(flags_of(from), flags_of(to)) != expected;
        }
    EXPECT_EQ(wrong, 0u);
    for (unsigned bit = 12; bit < 64; ++bit) {
        bool const harmless = bit >= 53 && bit <= 62; // available to software; 52 is our mark
        EXPECT_EQ(pvmmu::same_mapping(Entry{7}, Entry{7 | 1ull << bit}), harmless) << bit;
    }
}

TEST(Rules, AdjustingAddsReachAndNeverRights)
{
    for (unsigned level = 1; level <= 4; ++level)
        for (unsigned bits = 0; bits < 1u << 13; ++bits) {
            Entry const before = flags_of(bits), after = pvmmu::adjust(before, level);
            if (!before.is_present()) {
                ASSERT_EQ(before, after);
                continue;
            }
            ASSERT_TRUE(after.has(Entry::user));
            ASSERT_EQ(before.is_writable(), after.is_writable());
            ASSERT_EQ(before.has(Entry::no_execute), after.has(Entry::no_execute));
            ASSERT_EQ(before.frame(), after.frame());
            ASSERT_EQ(before.has(Entry::large), after.has(Entry::large));
            ASSERT_EQ(pvmmu::adjust(after, level), after) << "what was adjusted stays as it is";
            if (level == 1 && !before.has(Entry::user)) {
                ASSERT_EQ(after.has(Entry::global), before.has(Entry::global)) << "the kernel's own are not shared";
            }
        }
}

TEST(Rules, DeviceMemoryIsNeverCached)
{
    for (unsigned index = 0; index < 8; ++index) {
        Entry const before{7 | (index & 1 ? Entry::write_through : 0) | (index & 2 ? Entry::cache_disable : 0) |
                           (index & 4 ? Entry::pat : 0)};
        Entry const after = pvmmu::uncached(before);
        unsigned const kind = (after.has(Entry::pat) ? 4 : 0) | (after.has(Entry::cache_disable) ? 2 : 0) |
                              (after.has(Entry::write_through) ? 1 : 0);
        EXPECT_TRUE(kind == 2 || kind == 3 || kind == 4 || kind == 6 || kind == 7) << index;
        if (index == 2 || index == 4) {
            EXPECT_EQ(before, after);
        }
    }
}

class DeviceMemory : public World {};

TEST_F(DeviceMemory, OnlyWithTheRightAndAsTheRightSays)
{
    start(dom0);
    Mfn const device{1ull << 20}; // no RAM there
    std::uint64_t const before = entry(device, read_write);
    EXPECT_EQ(map(dom0, 40 * page_size, before), error(Errno::eperm));
    ASSERT_TRUE(dom0.domain->own_rights().value()->device_frames.add(device.value, device.value + 1));
    ASSERT_TRUE(dom0.domain->own_rights().value()->read_only_frames.add(device.value + 1, device.value + 1));
    ASSERT_EQ(map(dom0, 40 * page_size, before), 0);
    EXPECT_TRUE(slot(dom0[3], 40) & Entry::writable);
    EXPECT_EQ(slot(dom0[3], 40) & Entry::cache_bits, Entry::cache_disable | Entry::write_through);
    ASSERT_EQ(map(dom0, 40 * page_size, entry(device + 1, read_write)), 0);
    EXPECT_FALSE(slot(dom0[3], 40) & Entry::writable);
    EXPECT_EQ(map(dom0, 41 * page_size, entry(device + 2, readable)), error(Errno::eperm));
    EXPECT_NE(write(dom0, dom0[2], 5, entry(device, link)), 0) << "no page table";
    EXPECT_NE(map(dom0, 42 * page_size, entry(dom0.domain->shared_info_frame(), readable | Entry::cache_disable)), 0)
        << "our own page stays cached";
    EXPECT_EQ(map(dom0, 42 * page_size, entry(dom0.domain->shared_info_frame(), read_write)), 0);
    start(a);
    EXPECT_EQ(map(a, 40 * page_size, before), error(Errno::eperm));
    EXPECT_EQ(map(a, 40 * page_size, entry(a[40], readable | Entry::cache_disable)), error(Errno::einval));
}

} // namespace
} // namespace rf::pvmmu_tests
