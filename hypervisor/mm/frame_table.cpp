// SPDX-License-Identifier: MIT
#include "mm/frame_table.hpp"

#include "mm/m2p.hpp"

#include <algorithm>
#include <bit>

namespace rf::mm {

constinit FrameTable frames;
constinit Mfn m2p_limit{0};

void FrameTable::attach(Frame* first, std::uint16_t* owners, Mfn limit, std::uint64_t const* present)
{
    constexpr unsigned smallest_region = 9; // 2 MiB
    constexpr unsigned most_regions_bits = std::bit_width(most_regions) - 1;
    frames_ = first;
    owner_bias_ = reinterpret_cast<std::uintptr_t>(owners) - (reinterpret_cast<std::uintptr_t>(first) >> 2);
    limit_ = limit;
    present_ = present;
    unsigned const bits = static_cast<unsigned>(std::bit_width(limit.value ? limit.value - 1 : 0));
    region_shift_ = std::max(smallest_region, bits > most_regions_bits ? bits - most_regions_bits : 0);
}

} // namespace rf::mm
