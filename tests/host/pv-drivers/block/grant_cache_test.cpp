// SPDX-License-Identifier: MIT
// Story: a frontend keeps its grants, and the backend keeps them mapped, but not for ever and not without bound.
#include "block/grant_cache.hpp"

#include <random>
#include <set>

#include <gtest/gtest.h>

#include "fake_guest.hpp"

namespace rf {
namespace {

using rf::test::FakeGuest;

std::vector<xen::GrantRef> refs(std::initializer_list<std::uint32_t> numbers)
{
    std::vector<xen::GrantRef> result;
    for (const std::uint32_t number : numbers)
        result.emplace_back(number);
    return result;
}

class GrantCache : public testing::Test {
protected:
    FakeGuest guest{256};
    xen::GrantMapper mapper = *xen::GrantMapper::open(guest);

    void SetUp() override
    {
        for (std::uint32_t i = 0; i < 256; ++i)
            guest.grant(1000 + i, i);
    }
};

TEST_F(GrantCache, MapsOnceAndSeesTheGuestsPage)
{
    block::GrantCache cache(mapper, FakeGuest::domain, 64);
    cache.require(refs({1000, 1001, 1000}));
    EXPECT_EQ(cache.pages(), 2u);
    EXPECT_EQ(guest.map_calls, 1u) << "one call for all that was missing";
    guest.page(1)[5] = std::byte{77};
    EXPECT_EQ(cache.page(xen::GrantRef(1001))[5], std::byte{77});
    cache.require(refs({1000, 1001}));
    EXPECT_EQ(guest.map_calls, 1u);
    cache.clear();
    EXPECT_EQ(guest.mapped_pages, 0u);
}

TEST_F(GrantCache, OneBadReferenceSpoilsOnlyItself)
{
    block::GrantCache cache(mapper, FakeGuest::domain, 64);
    guest.grant(2000, 9, FakeGuest::Permit::read_only);
    cache.require(refs({1000, 5, 1001, 2000}));
    EXPECT_FALSE(cache.page(xen::GrantRef(1000)).empty());
    EXPECT_FALSE(cache.page(xen::GrantRef(1001)).empty());
    EXPECT_TRUE(cache.page(xen::GrantRef(5)).empty());
    EXPECT_TRUE(cache.page(xen::GrantRef(2000)).empty()) << "persistent grants are read and written";
    EXPECT_EQ(guest.mapped_pages, 2u);
}

TEST_F(GrantCache, StaysBelowItsLimitAndKeepsWhatIsUsed)
{
    constexpr std::size_t limit = 40;
    std::mt19937 random(6);
    block::GrantCache cache(mapper, FakeGuest::domain, limit);
    const auto favourites = refs({1000, 1001, 1002});
    cache.require(favourites);
    for (int i = 0; i < 5000; ++i) {
        std::vector<xen::GrantRef> wanted = favourites;
        for (unsigned k = random() % 11; k > 0; --k)
            wanted.emplace_back(1000 + random() % 256);
        cache.require(wanted);
        for (const xen::GrantRef ref : wanted) {
            ASSERT_FALSE(cache.page(ref).empty());
            ASSERT_EQ(cache.page(ref).data()[0], guest.page(ref.value - 1000)[0]);
        }
        ASSERT_LE(cache.pages(), limit);
        ASSERT_EQ(guest.mapped_pages, cache.pages()) << "what is not in the cache is not mapped";
        guest.page(random() % 256)[0] = static_cast<std::byte>(random());
    }
    const auto before = guest.map_calls;
    cache.require(favourites);
    EXPECT_EQ(guest.map_calls, before) << "what was used all the time was never dropped";
}

}  // namespace
}  // namespace rf
