// SPDX-License-Identifier: MIT
/// The early allocator hands out the hypervisor's own tables. It must never give the same page twice, nor one that was
/// reserved, and what is left must be exactly the rest. Checked page by page against a model under random requests.

#include "boot/early_memory.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

using namespace rf;
using boot::EarlyMemory;

constexpr std::uint64_t page = page_size;

std::vector<bool> free_pages(EarlyMemory const& memory, std::size_t count)
{
    std::vector<bool> pages(count);
    memory.for_each([&](Mfn first, std::uint64_t frames) {
        for (std::uint64_t i = 0; i < frames; ++i) {
            EXPECT_FALSE(pages.at(first.value + i)) << "listed twice";
            pages.at(first.value + i) = true;
        }
    });
    return pages;
}

TEST(EarlyMemory, RoundsInwardsAndReservesOutwards)
{
    EarlyMemory memory;
    memory.add(0x800, 5 * page + 0x10);
    memory.reserve(2 * page + 1, 3 * page + 1);
    EXPECT_EQ(free_pages(memory, 8), (std::vector<bool>{false, true, false, false, true, false, false, false}));
}

TEST(EarlyMemory, TakesTheHighestThatFitsBelowTheLimit)
{
    EarlyMemory memory;
    memory.add(0, 16 * page);
    memory.add(32 * page, 48 * page);
    EXPECT_EQ(memory.take(page)->value, 47 * page);
    EXPECT_EQ(memory.take(page, page, 40 * page)->value, 39 * page);
    EXPECT_EQ(memory.take(1, page, 20 * page)->value, 15 * page);
    EXPECT_EQ(memory.take(8 * page, 8 * page, 39 * page)->value, 0u) << "32..39 has only seven left: down to 0..8";
    EXPECT_EQ(memory.take(8 * page, 8 * page, 32 * page).error(), Errno::enomem);
}

TEST(EarlyMemory, RefusesWhatDoesNotExist)
{
    EarlyMemory memory;
    EXPECT_EQ(memory.take(page).error(), Errno::enomem);
    memory.add(page, 3 * page);
    EXPECT_EQ(memory.take(3 * page).error(), Errno::enomem);
    EXPECT_EQ(memory.take(page, page, 1).error(), Errno::enomem);
}

TEST(EarlyMemory, AgreesWithAModelUnderRandomUse)
{
    constexpr std::size_t pages = 512;
    std::mt19937_64 random(7);
    for (unsigned round = 0; round < 100; ++round) {
        EarlyMemory memory;
        std::vector<bool> model(pages);
        for (std::size_t at = 0; at < pages; at += 64) {
            std::size_t const end = at + 1 + random() % 64;
            memory.add(at * page, end * page);
            for (std::size_t i = at; i < end; ++i)
                model[i] = true;
        }
        for (unsigned step = 0; step < 40; ++step) {
            std::size_t const count = 1 + random() % 12;
            if (random() % 4 == 0) {
                std::size_t const start = random() % (pages - count);
                memory.reserve(start * page, (start + count) * page);
                for (std::size_t i = 0; i < count; ++i)
                    model[start + i] = false;
                continue;
            }
            std::uint64_t const alignment = page << random() % 4;
            auto const taken = memory.take(count * page, alignment);
            if (!taken)
                continue;
            ASSERT_EQ(taken->value % alignment, 0u);
            for (std::size_t i = 0; i < count; ++i) {
                ASSERT_TRUE(model.at(taken->value / page + i)) << "page handed out that was not free";
                model[taken->value / page + i] = false;
            }
        }
        ASSERT_EQ(free_pages(memory, pages), model);
        ASSERT_EQ(memory.lost_bytes(), 0u);
    }
}

} // namespace
