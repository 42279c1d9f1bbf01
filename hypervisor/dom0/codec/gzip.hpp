// SPDX-License-Identifier: MIT
#pragma once
/// gzip (RFC 1952) around DEFLATE (RFC 1951).

#include "dom0/codec/crc32.hpp"
#include "dom0/problem.hpp"

#include <span>

namespace rf::dom0::codec {

/// A prefix code in two forms: a table over the next bits for short codes, and counts per length for the others.
struct PrefixCode {
    static constexpr unsigned fast_bits = 10;
    static constexpr unsigned longest = 15;
    std::array<std::uint16_t, 1u << fast_bits> fast; ///< symbol << 4 | length; 0: a longer code
    std::array<std::uint16_t, longest + 1> count;    ///< codes of each length
    std::array<std::uint16_t, 288> symbols;          ///< in the order of their codes
};

/// Scratch memory; any content.
struct GzipScratch {
    PrefixCode literals;
    PrefixCode distances;
    Crc32 crc;
};

/// Decodes the one member that `in` begins with. Yields the number of bytes written to `out`.
[[nodiscard]] Parsed<std::size_t> decode_gzip(std::span<std::uint8_t const> in, std::span<std::uint8_t> out,
                                              GzipScratch& scratch);

} // namespace rf::dom0::codec
