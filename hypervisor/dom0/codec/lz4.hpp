// SPDX-License-Identifier: MIT
#pragma once
/// LZ4 in its legacy frame (`lz4 -l`), which Linux' build uses: a magic number, then blocks of at most 8 MiB of output,
/// each with its coded size before it.

#include "dom0/problem.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace rf::dom0::codec {

/// Decodes blocks until `out` is full or `in` is used up. Yields the number of bytes written.
[[nodiscard]] Parsed<std::size_t> decode_lz4(std::span<std::uint8_t const> in, std::span<std::uint8_t> out);

} // namespace rf::dom0::codec
