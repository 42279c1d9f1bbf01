// SPDX-License-Identifier: MIT
#pragma once
/// The literals of a zstd block: plain, one byte repeated, or Huffman-coded (RFC 8878, 3.1.1.3.1 and 4.2).

#include "dom0/codec/fse.hpp"

namespace rf::dom0::codec {

/// A block's output, and so its literals, are at most this.
inline constexpr std::size_t zstd_block_limit = 128u << 10;

/// Huffman code over the next bits; kept from block to block.
class HuffmanTable {
public:
    /// Reads the code's description from the start of `bytes`; yields its length in bytes.
    [[nodiscard]] Parsed<std::size_t> read(std::span<std::uint8_t const> bytes, FseTable& scratch);
    /// Decodes one stream: exactly out.size() symbols.
    [[nodiscard]] Checked decode(std::span<std::uint8_t const> stream, std::span<std::uint8_t> out) const;
    [[nodiscard]] bool usable() const { return bits_ != 0; }
    void forget() { bits_ = 0; }

private:
    static constexpr unsigned most_bits = 11;
    struct Symbol {
        std::uint8_t value;
        std::uint8_t bits;
    };
    using Weights = std::array<std::uint8_t, 256>;

    [[nodiscard]] static Parsed<std::size_t> read_weights(std::span<std::uint8_t const> bytes, Weights& weights,
                                                          unsigned& count, FseTable& scratch);
    [[nodiscard]] Checked build(Weights& weights, unsigned count);

    std::array<Symbol, 1u << most_bits> table_;
    unsigned bits_ = 0;
};

struct ZstdLiterals {
    HuffmanTable huffman;
    FseTable weights;
    std::array<std::uint8_t, zstd_block_limit> buffer;

    /// The literals of the current block: in `buffer`, or where they stand in the input.
    std::span<std::uint8_t const> current;

    /// Reads a literals section; yields its length in bytes.
    [[nodiscard]] Parsed<std::size_t> read(std::span<std::uint8_t const> block);
};

} // namespace rf::dom0::codec
