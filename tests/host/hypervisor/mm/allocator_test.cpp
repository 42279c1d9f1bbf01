// SPDX-License-Identifier: MIT
// The machine's free memory in lock-step with a plain set of frames: blocks of all sizes come and go, below all widths of
// address. No frame is handed out twice, none is lost, blocks are aligned and in reach; what is free joins again.
#include "../dom0/machine.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace rf::mm_tests {
namespace {

using dom0::test::Machine;

constexpr std::uint64_t mib = 1 << 20;

struct Block {
    Mfn first;
    unsigned order;
};

class FreeMemory : public testing::Test {
protected:
    void take(unsigned order, unsigned address_bits)
    {
        auto const first = mm::allocator.allocate(order, mm::Contents::anything, address_bits);
        if (!first) {
            ++refused;
            return;
        }
        EXPECT_EQ(first->value % (1ull << order), 0u);
        EXPECT_LE((first->value + (1ull << order)) << page_shift, address_bits < 64 ? 1ull << address_bits : ~0ull);
        for (std::uint64_t i = 0; i < 1ull << order; ++i) {
            ASSERT_TRUE(free.erase(*first + i)) << "frame " << first->value + i << " was not free";
            EXPECT_EQ(mm::frames[*first + i].owner_id(), domid_xen);
        }
        taken.push_back({*first, order});
    }
    void give(std::size_t index)
    {
        Block const block = taken[index];
        mm::allocator.release(block.first, block.order);
        for (std::uint64_t i = 0; i < 1ull << block.order; ++i)
            free.insert(block.first + i);
        taken[index] = taken.back();
        taken.pop_back();
    }

    // Two pieces with a hole, neither of which begins or ends at a large block.
    Machine machine{{{1 * mib, 30 * mib}, {33 * mib + 3 * page_size, 70 * mib}}};
    std::set<Mfn> free;
    std::vector<Block> taken;
    unsigned refused = 0;
};

TEST_F(FreeMemory, AgreesWithASetOfFrames)
{
    std::uint64_t const low = 1 * mib >> page_shift, high = (33 * mib >> page_shift) + 3;
    Machine::free(1 * mib, 30 * mib);
    Machine::free(33 * mib + 3 * page_size, 70 * mib);
    for (std::uint64_t i = 0; i < 30 * mib >> page_shift; ++i)
        free.insert(Mfn{low + i});
    for (std::uint64_t i = 0; i < 70 * mib >> page_shift; ++i)
        free.insert(Mfn{high + i});
    std::size_t const all = free.size();
    std::mt19937 random{5};
    for (unsigned step = 0; step < 20'000; ++step) {
        bool const filling = step / 1000 % 2 == 0;
        if (!taken.empty() && random() % 10 < (filling ? 3u : 7u))
            give(random() % taken.size());
        else
            ASSERT_NO_FATAL_FAILURE(take(random() % 4 ? random() % 4 : random() % 12, random() % 3 ? 64 : 21 + random() % 8));
        ASSERT_EQ(mm::allocator.free_frames(), free.size());
    }
    EXPECT_GT(refused, 0u) << "memory was never short";
    while (!taken.empty())
        give(taken.size() - 1);
    EXPECT_EQ(mm::allocator.free_frames(), all);
    // 8 MiB blocks lie in the first piece at 8, 16 MiB, and in the second at 40 .. 88 MiB; and all are one block again.
    unsigned large = 0;
    while (mm::allocator.allocate(11, mm::Contents::anything))
        ++large;
    EXPECT_EQ(large, 2u + 7u);
}

TEST_F(FreeMemory, GivesOutLastWhatMoreDevicesCanReach)
{
    Machine::free(1 * mib, 30 * mib);
    Machine::free(64 * mib, 32 * mib);
    for (std::uint64_t i = 0; i < 32 * mib >> page_shift; ++i) {
        auto const frame = mm::allocator.allocate(0, mm::Contents::anything);
        ASSERT_TRUE(frame);
        ASSERT_GE(frame->value, 64 * mib >> page_shift);
    }
    auto const low = mm::allocator.allocate(0, mm::Contents::anything);
    ASSERT_TRUE(low);
    EXPECT_LT(low->value, 31 * mib >> page_shift);
    EXPECT_FALSE(mm::allocator.allocate(0, mm::Contents::anything, 20)) << "nothing is below one MiB";
    EXPECT_TRUE(mm::allocator.allocate(0, mm::Contents::anything, 21));
}

} // namespace
} // namespace rf::mm_tests
