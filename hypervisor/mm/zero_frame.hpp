// SPDX-License-Identifier: MIT
#pragma once
/// One frame of zeros, mapped read-only wherever nothing else is.

#include "base/types.hpp"

namespace rf::mm {

/// Allocates the frame; once, at boot, before the first domain.
void create_zero_frame();
[[nodiscard]] Mfn zero_frame();

} // namespace rf::mm
