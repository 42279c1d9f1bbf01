// SPDX-License-Identifier: MIT
#include "mm/frame_table.hpp"

#include "mm/m2p.hpp"

namespace rf::mm {

constinit FrameTable frames;
constinit Mfn m2p_limit{0};

void FrameTable::attach(Frame* first, Mfn limit, std::uint64_t const* present)
{
    frames_ = first;
    limit_ = limit;
    present_ = present;
}

} // namespace rf::mm
