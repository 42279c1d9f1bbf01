// SPDX-License-Identifier: MIT
#include "mm/zero_frame.hpp"

#include "base/panic.hpp"
#include "mm/allocator.hpp"

namespace rf::mm {
namespace {
constinit Mfn the_frame;
}

void create_zero_frame()
{
    auto const frame = allocator.allocate(0);
    require(frame.has_value(), "no memory at boot");
    the_frame = *frame;
}

Mfn zero_frame() { return the_frame; }

} // namespace rf::mm
