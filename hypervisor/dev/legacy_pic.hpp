// SPDX-License-Identifier: MIT
#pragma once
/// The two 8259 interrupt controllers: parked for ever.

#include <cstdint>

namespace rf::dev {

/// Remaps both controllers to `first_vector`..+15, so that a stray interrupt is told from an exception, and masks all
/// lines.
void park_legacy_pic(std::uint8_t first_vector);

} // namespace rf::dev
