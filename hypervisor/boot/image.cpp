// SPDX-License-Identifier: MIT
#include "boot/image.hpp"

#include "base/address_map.hpp"

namespace rf::boot {
namespace {
constinit std::int64_t displacement = 0;
} // namespace

MachineAddress image_physical(void const* object)
{
    return {reinterpret_cast<std::uint64_t>(object) - address_map::image + static_cast<std::uint64_t>(displacement)};
}

void set_image_displacement(std::int64_t bytes) { displacement = bytes; }

} // namespace rf::boot
