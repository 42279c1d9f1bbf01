// SPDX-License-Identifier: MIT
// Story: Ringfort promises Xen 4.17's PV ABI to the bit. Debian's libxen-dev says what that is.
// Everything our headers declare (each constant, each type's size, each member's offset and size,
// each string) was listed by the generator and compiled three times: by upstream's headers in C, by
// ours in C and by ours in C++. Each header must agree line by line. A wrong value shows up here
// under its name; a name that upstream lacks already failed to compile; an upstream constant that
// we lack already stopped the generator.
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "table.h"

namespace {

std::vector<std::string> const headers = {
#include "headers.inc"
};

std::string describe(abi_row const& row) {
    std::string text = "value or offset " + std::to_string(row.value) + ", size " + std::to_string(row.size);
    if (row.text) text += ", text \"" + std::string(row.text) + "\"";
    return text;
}

bool same(abi_row const& left, abi_row const& right) {
    if (left.value != right.value || left.size != right.size) return false;
    if (!left.text || !right.text) return left.text == right.text;
    return std::strcmp(left.text, right.text) == 0;
}

/// Compares the rows of one header and returns how many there were.
std::size_t compare(std::string const& header, abi_table ours, abi_table upstream) {
    std::size_t rows = 0;
    for (std::size_t index = 0; index < upstream.count; ++index) {
        abi_row const& expected = upstream.rows[index];
        abi_row const& actual = ours.rows[index];
        if (header != expected.header) continue;
        ++rows;
        EXPECT_STREQ(actual.name, expected.name) << "the tables are out of step";
        EXPECT_TRUE(same(actual, expected)) << header << ": " << expected.name << "\n  upstream: " << describe(expected)
                                            << "\n  ours:     " << describe(actual);
    }
    return rows;
}

class Header : public testing::TestWithParam<std::string> {};

TEST_P(Header, AgreesWithUpstreamInC) {
    ASSERT_EQ(abi_ours_in_c().count, abi_upstream().count);
    EXPECT_GT(compare(GetParam(), abi_ours_in_c(), abi_upstream()), 0u) << "nothing was compared";
}

TEST_P(Header, AgreesWithUpstreamInCpp) {
    ASSERT_EQ(abi_ours_in_cpp().count, abi_upstream().count);
    EXPECT_GT(compare(GetParam(), abi_ours_in_cpp(), abi_upstream()), 0u) << "nothing was compared";
}

std::string test_name(testing::TestParamInfo<std::string> const& info) {
    std::string name = info.param.substr(0, info.param.rfind('.'));
    for (char& character : name)
        if (!std::isalnum(static_cast<unsigned char>(character))) character = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(GuestAbi, Header, testing::ValuesIn(headers), test_name);

// Story: a broken file list could leave the comparison empty and green. The headers every guest
// needs must be there, no row may belong to an unlisted header, and the whole must have some size.
TEST(Inventory, IsComplete) {
    std::set<std::string> const listed(headers.begin(), headers.end());
    for (auto const* needed : {"xen/numbers.h", "xen/errno.h", "xen/start_info.h", "xen/shared_info.h", "xen/trap.h",
                               "xen/mmu.h", "xen/memory.h", "xen/event.h", "xen/grant.h", "xen/sched.h", "xen/vcpu.h",
                               "xen/version.h", "xen/physdev.h", "xen/platform.h", "xen/domctl.h", "xen/sysctl.h",
                               "io/ring.h", "io/blkif.h", "io/netif.h", "io/console.h", "io/xenbus.h", "io/xs_wire.h"})
        EXPECT_TRUE(listed.contains(needed)) << needed;
    abi_table const table = abi_upstream();
    for (std::size_t index = 0; index < table.count; ++index)
        EXPECT_TRUE(listed.contains(table.rows[index].header)) << table.rows[index].header;
    EXPECT_GT(table.count, 1500u);
}

}  // namespace
