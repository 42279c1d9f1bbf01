// SPDX-License-Identifier: MIT
#include "boot/image.hpp"

#include "base/address_map.hpp"
#include "cpu/insn.hpp"

#include <cstring>

namespace rf::boot {
namespace {
constinit std::int64_t displacement = 0;
} // namespace

MachineAddress image_physical(void const* object)
{
    return {reinterpret_cast<std::uint64_t>(object) - address_map::image + static_cast<std::uint64_t>(displacement)};
}

void write_code(void const* place, std::span<std::uint8_t const> bytes)
{
    MachineAddress const at = image_physical(place);
    std::memcpy(direct(at.frame()) + at.value % page_size, bytes.data(), bytes.size());
    (void)cpu::cpuid(0);
}

void set_image_displacement(std::int64_t bytes) { displacement = bytes; }

} // namespace rf::boot
