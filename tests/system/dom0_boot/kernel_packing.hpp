// SPDX-License-Identifier: MIT
// Debian's kernel, packed again in other ways than Debian packs it.
#pragma once

#include <filesystem>

namespace rf::system {

enum class Packing { xz, elf, gzip, zstd, lz4 };

/// Writes the kernel of `from`, a bzImage with an XZ payload, to `to`: as a plain ELF file, or as a bzImage with a payload of
/// another kind. `Packing::xz` copies it. Throws std::runtime_error when the file is not what it should be.
void pack_kernel(const std::filesystem::path& from, const std::filesystem::path& to, Packing packing);

}  // namespace rf::system
