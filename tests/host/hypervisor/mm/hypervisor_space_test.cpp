// SPDX-License-Identifier: MIT
/// The tables that every address space shares. Each mapping is read back by a walker of the test's own, which knows only
/// the processor's manual, not our code: right frame, right rights on the whole path, right page size, nothing else
/// mapped. Errors must come out as values, with what was mapped before still intact.

#include "mm/hypervisor_space.hpp"

#include "base/address_map.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>

namespace {

using namespace rf;
using mm::Access;
using mm::Caching;
using mm::HypervisorSpace;
using mm::PageLimit;

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1 << 30;
constexpr std::uint64_t window = 0xffff'8280'4000'0000ull;

class Space : public testing::Test {
protected:
    static constexpr std::uint64_t frames = 64;

    void SetUp() override
    {
        saved_ = address_map::fake_memory;
        memory_.reset(static_cast<std::byte*>(std::aligned_alloc(page_size, frames * page_size)));
        std::fill_n(memory_.get(), frames * page_size, std::byte{0xa5});
        address_map::fake_memory = memory_.get();
        next = 1;
        limit = frames;
        ASSERT_TRUE(space_.create(source));
    }
    void TearDown() override { address_map::fake_memory = saved_; }

    static Result<Mfn> source()
    {
        if (next >= limit)
            return fail(Errno::enomem);
        std::fill_n(direct(Mfn{next}), page_size, std::byte{0});
        return Mfn{next++};
    }

    /// What the processor would find: leaf bits combined with the rights of the path.
    struct Walk {
        std::uint64_t machine;
        bool write, user, execute;
        unsigned level, pat_index;
    };
    std::optional<Walk> walk(std::uint64_t address) const
    {
        Walk result{0, true, true, true, 0, 0};
        std::uint64_t table = space_.root().value;
        for (unsigned level = 4; level >= 1; --level) {
            std::uint64_t const slot = direct_as<std::uint64_t>(Mfn{table})[address >> (12 + 9 * (level - 1)) & 511];
            if (!(slot & 1))
                return std::nullopt;
            result.write &= slot >> 1 & 1;
            result.user &= slot >> 2 & 1;
            result.execute &= !(slot >> 63);
            bool const leaf = level == 1 || (level < 4 && slot >> 7 & 1);
            std::uint64_t const frame = slot & 0xf'ffff'ffff'f000ull;
            if (leaf) {
                std::uint64_t const size = page_size << (9 * (level - 1));
                unsigned const high = level == 1 ? slot >> 7 & 1 : slot >> 12 & 1;
                result.pat_index = high << 2 | (slot >> 4 & 1) << 1 | (slot >> 3 & 1);
                result.machine = (frame & ~(size - 1)) + (address & (size - 1));
                result.level = level;
                return result;
            }
            table = frame >> 12;
        }
        return std::nullopt;
    }

    inline static std::uint64_t next, limit;
    HypervisorSpace space_;

private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::unique_ptr<std::byte, Free> memory_;
    std::byte* saved_ = nullptr;
};

TEST_F(Space, RightsAreWhatWasAsked)
{
    struct Case {
        Access access;
        bool write, user, execute;
    };
    Case const cases[]{{Access::read, false, false, false},
                       {Access::write, true, false, false},
                       {Access::execute, false, false, true},
                       {Access::guest_read, false, true, false}};
    for (Case const& c : cases) {
        std::uint64_t const address = window + static_cast<std::uint64_t>(c.access) * (512 * gib);
        ASSERT_TRUE(space_.map(address, {0x1234000}, page_size, c.access));
        auto const found = walk(address + 0x567);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->machine, 0x1234567u);
        EXPECT_EQ(found->write, c.write);
        EXPECT_EQ(found->user, c.user);
        EXPECT_EQ(found->execute, c.execute);
        EXPECT_EQ(space_.frame_of(address + 0x567), Mfn{0x1234});
        EXPECT_FALSE(walk(address + page_size));
        EXPECT_FALSE(space_.frame_of(address + page_size).valid());
    }
}

TEST_F(Space, CachingSelectsThePatEntry)
{
    ASSERT_TRUE(space_.map(window, {0xfee00000}, page_size, Access::write, Caching::uncached));
    ASSERT_TRUE(space_.map(window + page_size, {0xc0000000}, page_size, Access::write, Caching::write_combining));
    ASSERT_TRUE(space_.map(window + 2 * mib, {0xc0200000}, 2 * mib, Access::write, Caching::write_combining,
                           PageLimit::two_mib));
    EXPECT_EQ(walk(window)->pat_index, 3u);
    EXPECT_EQ(walk(window + page_size)->pat_index, 4u);
    EXPECT_EQ(walk(window + 2 * mib)->pat_index, 4u);
    EXPECT_EQ(walk(window + 2 * mib)->level, 2u);
    EXPECT_EQ(space_.frame_of(window + 2 * mib + 0x3000), Mfn{0xc0203}) << "the PAT bit is no address bit";
}

TEST_F(Space, UsesTheLargestPagesThatFit)
{
    std::uint64_t const start = address_map::hypervisor_start + 6 * 512 * gib;
    std::uint64_t const machine = gib - 2 * mib - page_size;
    ASSERT_TRUE(space_.map(start + machine, {machine}, 2 * gib + 5 * mib, Access::write, Caching::write_back,
                           PageLimit::one_gib));
    for (std::uint64_t offset = 0; offset < 2 * gib + 5 * mib; offset += 7 * page_size) {
        auto const found = walk(start + machine + offset);
        ASSERT_TRUE(found) << offset;
        ASSERT_EQ(found->machine, machine + offset);
    }
    EXPECT_EQ(walk(start + machine)->level, 1u);
    EXPECT_EQ(walk(start + gib - 2 * mib)->level, 2u);
    EXPECT_EQ(walk(start + gib)->level, 3u);
    EXPECT_EQ(walk(start + 2 * gib)->level, 3u) << "a whole GiB still fits";
    EXPECT_EQ(walk(start + 3 * gib)->level, 2u);
    EXPECT_EQ(walk(start + 3 * gib + 2 * mib + 0xfe000)->level, 1u);
    EXPECT_FALSE(walk(start + machine - 1));
    EXPECT_FALSE(walk(start + machine + 2 * gib + 5 * mib));
}

TEST_F(Space, RefusesToMapTwice)
{
    ASSERT_TRUE(space_.map(window, {0x200000}, 2 * mib, Access::read, Caching::write_back, PageLimit::two_mib));
    EXPECT_EQ(space_.map(window + page_size, {0x5000}, page_size, Access::write).error(), Errno::eexist);
    EXPECT_EQ(space_.map(window, {0x5000}, page_size, Access::write).error(), Errno::eexist);
    EXPECT_EQ(walk(window + page_size)->machine, 0x201000u);
    EXPECT_FALSE(walk(window + page_size)->write);
}

TEST_F(Space, ReportsMissingMemory)
{
    limit = next + 2; // two of the three tables that a first mapping needs
    EXPECT_EQ(space_.map(window, {0x1000}, page_size, Access::read).error(), Errno::enomem);
    EXPECT_FALSE(walk(window));
    limit = frames;
    EXPECT_TRUE(space_.map(window, {0x1000}, page_size, Access::read));
    EXPECT_EQ(walk(window)->machine, 0x1000u);
}

} // namespace
