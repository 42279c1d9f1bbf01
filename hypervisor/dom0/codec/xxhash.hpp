// SPDX-License-Identifier: MIT
#pragma once
/// XXH64, the checksum of zstd frames.

#include <cstdint>
#include <span>

namespace rf::dom0::codec {

/// XXH64 with seed 0.
[[nodiscard]] std::uint64_t xxhash64(std::span<std::uint8_t const> bytes);

} // namespace rf::dom0::codec
