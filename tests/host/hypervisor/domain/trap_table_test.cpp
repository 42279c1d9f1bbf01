// SPDX-License-Identifier: MIT
// The packed trap table gives back what was put in: every address that is canonical, every selector of ring 3, every flag, in
// whichever order, without a word about its neighbours.
#include "domain/trap_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace rf::domain {
namespace {

TEST(TrapTable, GivesBackWhatWasPutIn)
{
    TrapTable table;
    std::map<unsigned, TrapGate> model;
    std::mt19937_64 random(11);
    for (unsigned step = 0; step < 100'000; ++step) {
        unsigned const vector = random() % 256;
        auto const address = static_cast<std::uint64_t>(static_cast<std::int64_t>(random()) >> 16);
        TrapGate const gate{address ? address : 1, static_cast<std::uint16_t>(random() | 3), static_cast<std::uint8_t>(random() & 7)};
        table.set(vector, gate);
        model[vector] = gate;
        unsigned const other = random() % 256;
        ASSERT_EQ(table[other], model[other]);
        ASSERT_EQ(table.address(vector), gate.address);
        ASSERT_EQ(table.flags(vector), gate.flags);
    }
    table.clear();
    for (unsigned vector = 0; vector < 256; ++vector)
        ASSERT_EQ(table[vector], TrapGate{});
    // Bits that the ABI does not define do not reach the rest.
    table.set(255, {~0ull, 0xffff, 0xff});
    EXPECT_EQ(table[255], (TrapGate{~0ull, 0xffff, 7}));
    EXPECT_EQ(table[254], TrapGate{});
}

} // namespace
} // namespace rf::domain
