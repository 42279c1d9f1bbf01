// SPDX-License-Identifier: MIT
#pragma once
/// Where the image is in physical memory: linked for 2 MiB, but the loader may move it.

#include "base/types.hpp"

#include <cstdint>
#include <span>

namespace rf::boot {

/// Physical address of something in the image.
[[nodiscard]] MachineAddress image_physical(void const* object);
/// Writes over code of the image, before its final mapping and on the first processor alone: nothing fetched before is executed after.
void write_code(void const* place, std::span<std::uint8_t const> bytes);
/// Set once, first of all: how far the loader moved the image from its link address.
void set_image_displacement(std::int64_t bytes);

} // namespace rf::boot
