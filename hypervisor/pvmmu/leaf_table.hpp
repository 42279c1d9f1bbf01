// SPDX-License-Identifier: MIT
#pragma once
/// is_table for level 1, which the shortest ways ask: without a call.

#include "mm/frame_table.hpp"
#include "pvmmu/space.hpp"

namespace rf::pvmmu {

/// True when the frame is a validated table of level 1 that this domain owns. Needs Space::lock.
[[nodiscard, gnu::always_inline]] inline bool is_leaf_table(Space const& space, Mfn mfn)
{
    mm::Frame const* const frame = mm::frames.find(mfn);
    if (!frame || frame->owner_id() != space.id) [[unlikely]]
        return false;
    return frame->load().counted_as(mm::FrameType::l1);
}

} // namespace rf::pvmmu
