// SPDX-License-Identifier: MIT
#pragma once
/// Unpacks a kernel, whatever it is packed with. Linux' build appends the unpacked size as four bytes, little-endian; of
/// gzip they are the trailer's last field.

#include "dom0/problem.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace rf::dom0 {

enum class Packing : std::uint8_t { none, xz, lzma, gzip, zstd, lz4, bzip2, lzo, unknown };

[[nodiscard]] Packing identify(std::span<std::byte const> payload);
[[nodiscard]] std::string_view name_of(Packing packing);

/// Bytes that the payload unpacks to.
[[nodiscard]] Parsed<std::uint64_t> unpacked_size(Packing packing, std::span<std::byte const> payload);
/// Scratch memory that unpack() needs, aligned to 64 bytes.
[[nodiscard]] std::size_t scratch_size();

/// Unpacks `payload` into `out`, which has unpacked_size() bytes: all of them are written, or there is a problem.
[[nodiscard]] Checked unpack(Packing packing, std::span<std::byte const> payload, std::span<std::byte> out,
                             std::span<std::byte> scratch);

} // namespace rf::dom0
