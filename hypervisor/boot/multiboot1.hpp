// SPDX-License-Identifier: MIT
#pragma once
/// Boot information of a multiboot 1 loader (QEMU's -kernel among them), rewritten as multiboot 2 tags, so that everything
/// after it knows one form only (Multiboot Specification 0.6.96, 3.3).

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace rf::boot {

/// Magic number that a multiboot 1 loader leaves in eax.
inline constexpr std::uint32_t multiboot1_magic = 0x2badb002;

/// Writes multiboot 2 information to `to`. `physical` is memory from address 0 on; `information` is an address in it.
/// Yields the number of bytes written. Errno::efault: something points outside `physical`; Errno::enospc: `to` is too
/// small; Errno::enodata: there is no memory map.
[[nodiscard]] Result<std::size_t> convert_multiboot1(std::span<std::byte const> physical, std::uint32_t information,
                                                     std::span<std::byte> to);

} // namespace rf::boot
