// SPDX-License-Identifier: MIT
#pragma once
/// Zstandard (RFC 8878) without dictionaries. The output is the window, so any window size is accepted.

#include "dom0/codec/zstd_literals.hpp"

namespace rf::dom0::codec {

/// Scratch memory; any content.
struct ZstdScratch {
    ZstdLiterals literals;
    FseTable literal_lengths, offsets, match_lengths;
};

/// Decodes the one frame that `in` begins with. Yields the number of bytes written to `out`.
[[nodiscard]] Parsed<std::size_t> decode_zstd(std::span<std::uint8_t const> in, std::span<std::uint8_t> out,
                                              ZstdScratch& scratch);

} // namespace rf::dom0::codec
