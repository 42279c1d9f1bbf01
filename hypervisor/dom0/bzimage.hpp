// SPDX-License-Identifier: MIT
#pragma once
/// The file that a boot loader or a toolstack gives as kernel: a Linux bzImage around a payload, or an ELF file itself.
/// Source: Linux' Documentation/x86/boot.rst, boot protocol 2.08 and later.

#include "dom0/problem.hpp"

#include <cstddef>
#include <span>

namespace rf::dom0 {

/// The part of `file` that holds the kernel proper, perhaps compressed: a bzImage's payload, or all of an ELF file.
[[nodiscard]] Parsed<std::span<std::byte const>> find_payload(std::span<std::byte const> file);

/// True when the bytes begin as an ELF file does.
[[nodiscard]] bool is_elf(std::span<std::byte const> file);

} // namespace rf::dom0
