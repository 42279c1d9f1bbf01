// SPDX-License-Identifier: MIT
#pragma once
/// The .xz container as Linux kernels use it: blocks of LZMA2, optionally behind the x86 filter, with CRC-32 or no check.
/// Source: The .xz File Format, version 1.1.0.

#include "dom0/codec/crc32.hpp"
#include "dom0/codec/lzma.hpp"
#include "dom0/problem.hpp"

#include <span>

namespace rf::dom0::codec {

/// Scratch memory of both LZMA containers; any content.
struct XzScratch {
    LzmaModel model;
    Crc32 crc;
    /// A chunk at the very end of the input, where the decoder's look-ahead needs bytes behind it.
    std::array<std::uint8_t, 0x10000 + 8 + LzmaDecoder::lookahead> last_chunk;
};

/// Decodes the one stream that `in` begins with; bytes behind it are not looked at (the kernel build appends a size).
/// Yields the number of bytes written to `out`.
[[nodiscard]] Parsed<std::size_t> decode_xz(std::span<std::uint8_t const> in, std::span<std::uint8_t> out,
                                            XzScratch& scratch);

} // namespace rf::dom0::codec
