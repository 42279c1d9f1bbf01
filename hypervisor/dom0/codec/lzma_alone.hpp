// SPDX-License-Identifier: MIT
#pragma once
/// The old .lzma container: a 13-byte header before one stretch of LZMA.

#include "dom0/codec/lzma.hpp"
#include "dom0/problem.hpp"

#include <span>

namespace rf::dom0::codec {

/// Decodes `in`; bytes behind the data are not looked at. Yields the number of bytes written to `out`.
[[nodiscard]] Parsed<std::size_t> decode_lzma_alone(std::span<std::uint8_t const> in, std::span<std::uint8_t> out,
                                                    LzmaModel& model);

} // namespace rf::dom0::codec
