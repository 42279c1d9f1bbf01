// SPDX-License-Identifier: MIT
// Which addresses a guest may name is one rule, in the hypervisor's address map. Tests on the host otherwise see a stand-in of
// that map; here is the hypervisor's own, under another name, held against a model for all patterns of the top bits.
#include "../pvmmu/address_patterns.hpp"
#include "base/types.hpp"

#define address_map machines_address_map
#include "../../../../hypervisor/base/address_map.hpp"
#undef address_map

#include <gtest/gtest.h>

namespace rf {
namespace {

using machines_address_map::guest_range_ok;
using pvmmu_tests::plainly_canonical;
using pvmmu_tests::plainly_guests;

TEST(AddressMap, AllPatternsOfTheTopSeventeenBits)
{
    for (std::uint64_t top = 0; top < 1u << 17; ++top)
        for (std::uint64_t low : {0ull, 1ull, 0x7ff'ffff'ffffull, 0x800'0000'0000ull, 0x7fff'ffff'ffffull}) {
            std::uint64_t const address = top << 47 | low;
            ASSERT_EQ(is_canonical(address), plainly_canonical(address)) << std::hex << address;
            for (std::uint64_t bytes : {1ull, 2ull, 8ull, 4096ull})
                ASSERT_EQ(guest_range_ok(address, bytes), plainly_guests(address, bytes)) << std::hex << address << " " << bytes;
        }
}

TEST(AddressMap, RangesOverBorders)
{
    for (std::uint64_t address : pvmmu_tests::address_patterns())
        for (std::uint64_t bytes : {1ull, 4ull, 64ull, 5168ull, 1ull << 40, 1ull << 47, 1ull << 63, ~0ull})
            ASSERT_EQ(guest_range_ok(address, bytes), plainly_guests(address, bytes)) << std::hex << address << " " << bytes;
}

} // namespace
} // namespace rf
