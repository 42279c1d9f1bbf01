// SPDX-License-Identifier: MIT
/// Story: a backend copies bytes between its own pages and granted ones. Only bytes inside both pages may move, only by
/// those who may, and afterwards nothing may be marked in use.
#include "world.hpp"

#include <cstring>

namespace rf::grant_tests {
namespace {

using Kind = CopyEnd::Kind;

class GrantCopy : public ::testing::Test {
protected:
    GrantCopy()
    {
        for (unsigned index = 0; index < page_size; ++index) {
            direct(granted)[index] = static_cast<std::byte>(index * 7);
            direct(own)[index] = static_cast<std::byte>(index * 13 + 5);
        }
        granter.grant(4, user, granted);
    }
    void expect_nothing_held()
    {
        EXPECT_EQ(granter.flags(4) & (xen::GTF_reading | xen::GTF_writing), 0);
        for (Mfn mfn : {granted, own}) {
            EXPECT_EQ(Owner::references(mfn), 1u);
            EXPECT_EQ(writable_uses(mfn), 0u);
        }
    }
    [[nodiscard]] CopyEnd grant_at(std::uint16_t offset, std::uint32_t ref = 4)
    {
        return {granter.table, Kind::grant, ref, offset};
    }
    [[nodiscard]] CopyEnd own_at(std::uint16_t offset) { return {user.table, Kind::frame, own.value, offset}; }
    xen::grant_status run(CopyEnd const& source, CopyEnd const& destination, std::uint16_t length)
    {
        return copy(user.id(), source, destination, length);
    }

    Party granter{1}, user{2}, stranger{3};
    Mfn granted = granter.owner.frame();
    Mfn own = user.owner.frame();
};

TEST_F(GrantCopy, FromAndToAGrant)
{
    std::vector<std::byte> const before(direct(own), direct(own) + page_size);
    EXPECT_EQ(run(grant_at(100), own_at(200), 50), xen::GNTST_okay);
    EXPECT_EQ(std::memcmp(direct(own) + 200, direct(granted) + 100, 50), 0);
    EXPECT_EQ(std::memcmp(direct(own), before.data(), 200), 0);
    EXPECT_EQ(std::memcmp(direct(own) + 250, before.data() + 250, page_size - 250), 0);
    EXPECT_EQ(run(own_at(0), grant_at(0), page_size), xen::GNTST_okay);
    EXPECT_EQ(std::memcmp(direct(own), direct(granted), page_size), 0);
    EXPECT_EQ(run(own_at(0), own_at(2048), 2048), xen::GNTST_okay) << "own to own";
    EXPECT_EQ(run(grant_at(0), grant_at(1), 4000), xen::GNTST_okay) << "one page with itself, overlapping";
    EXPECT_EQ(run(grant_at(4095), own_at(4095), 0), xen::GNTST_okay);
    expect_nothing_held();
}

TEST_F(GrantCopy, BytesBeyondAPageAreRefused)
{
    EXPECT_EQ(run(grant_at(4000), own_at(0), 97), xen::GNTST_bad_copy_arg);
    EXPECT_EQ(run(own_at(0), grant_at(4000), 97), xen::GNTST_bad_copy_arg);
    EXPECT_EQ(run(grant_at(0xffff), own_at(0), 0xffff), xen::GNTST_bad_copy_arg);
    EXPECT_EQ(run(grant_at(1), own_at(0), page_size), xen::GNTST_bad_copy_arg);
    EXPECT_EQ(run(grant_at(4000), own_at(0), 96), xen::GNTST_okay);
    expect_nothing_held();
}

TEST_F(GrantCopy, RightsAreThoseOfTheUser)
{
    EXPECT_EQ(run(grant_at(0, 5), own_at(0), 8), xen::GNTST_general_error);
    EXPECT_EQ(run(grant_at(0, 100000), own_at(0), 8), xen::GNTST_bad_gntref);
    EXPECT_EQ(copy(stranger.id(), grant_at(0), own_at(0), 8), xen::GNTST_general_error);
    EXPECT_EQ(run({user.table, Kind::frame, granted.value, 0}, own_at(0), 8), xen::GNTST_bad_page)
        << "another's frame by number";
    EXPECT_EQ(run(own_at(0), {user.table, Kind::frame, ~0ull, 0}, 8), xen::GNTST_bad_page);
    granter.entry(4).flags |= xen::GTF_readonly;
    EXPECT_EQ(run(own_at(0), grant_at(0), 8), xen::GNTST_general_error);
    EXPECT_EQ(run(grant_at(0), own_at(0), 8), xen::GNTST_okay);
    expect_nothing_held();
}

TEST_F(GrantCopy, PageTablesAreNoDestination)
{
    {
        AsPageTable const in_use(own);
        EXPECT_EQ(run(grant_at(0), own_at(0), 8), xen::GNTST_general_error);
        EXPECT_EQ(granter.flags(4), access_only);
    }
    {
        AsPageTable const in_use(granted);
        EXPECT_EQ(run(own_at(0), grant_at(0), 8), xen::GNTST_general_error);
        EXPECT_EQ(run(grant_at(0), own_at(0), 8), xen::GNTST_okay);
    }
    expect_nothing_held();
}

TEST_F(GrantCopy, WorksBesideAMapping)
{
    auto const op = user.map(granter, 4, host_read_only);
    EXPECT_EQ(run(own_at(0), grant_at(0), 64), xen::GNTST_okay);
    EXPECT_EQ(granter.flags(4), in_read) << "the copy's writing bit is gone, the mapping's stays";
    EXPECT_EQ(user.unmap(op.handle), xen::GNTST_okay);
    expect_nothing_held();
}

} // namespace
} // namespace rf::grant_tests
