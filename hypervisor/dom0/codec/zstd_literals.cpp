// SPDX-License-Identifier: MIT
#include "dom0/codec/zstd_literals.hpp"

#include "dom0/codec/reader.hpp"

#include <algorithm>

namespace rf::dom0::codec {
namespace {

enum class Kind : std::uint8_t { plain, repeated, coded, coded_as_before };

/// Weights coded by two interleaved states.
Parsed<unsigned> decode_weights(FseTable const& table, BackwardBits bits, std::span<std::uint8_t> weights)
{
    std::uint64_t states[2] = {bits.take(table.accuracy()), bits.take(table.accuracy())};
    unsigned count = 0;
    for (unsigned turn = 0;; turn ^= 1) {
        if (count + 2 > weights.size())
            return refuse("zstd: too many Huffman weights");
        FseState const& state = table[states[turn]];
        weights[count++] = state.symbol;
        states[turn] = state.base + bits.take(state.bits);
        if (bits.left() < 0) {
            weights[count++] = table[states[turn ^ 1]].symbol;
            return count;
        }
    }
}

} // namespace

Parsed<std::size_t> HuffmanTable::read_weights(std::span<std::uint8_t const> bytes, Weights& weights, unsigned& count,
                                               FseTable& scratch)
{
    constexpr unsigned weight_symbols = 13, weight_accuracy = 6, first_direct = 128;
    if (bytes.empty())
        return refuse("zstd: the block ends within a Huffman code");
    unsigned const header = bytes[0];
    auto const rest = bytes.subspan(1);
    std::size_t const size = header < first_direct ? header : (header - first_direct + 2) / 2;
    if (size > rest.size() || size == 0)
        return refuse("zstd: the block ends within a Huffman code");
    if (header >= first_direct) {
        count = header - first_direct + 1;
        for (unsigned i = 0; i < count; ++i)
            weights[i] = i % 2 ? rest[i / 2] & 15 : rest[i / 2] >> 4;
    } else {
        FseCounts const counts = TRY_PARSE(read_counts(rest.first(size), weight_symbols, weight_accuracy));
        scratch.build(counts);
        BackwardBits const bits(rest.subspan(counts.bytes_read, size - counts.bytes_read));
        if (!bits.valid())
            return refuse("zstd: damaged Huffman code");
        count = TRY_PARSE(decode_weights(scratch, bits, std::span(weights).first(255)));
    }
    return size + 1;
}

Checked HuffmanTable::build(Weights& weights, unsigned count)
{
    // The last weight is not written: it completes the sum to a power of two.
    std::uint32_t sum = 0;
    for (unsigned i = 0; i < count; ++i) {
        if (weights[i] > most_bits)
            return refuse("zstd: damaged Huffman code");
        sum += (1u << weights[i]) >> 1;
    }
    auto const bits = static_cast<unsigned>(std::bit_width(sum));
    if (sum == 0 || bits > most_bits)
        return refuse("zstd: damaged Huffman code");
    std::uint32_t const rest = (1u << bits) - sum;
    if (!std::has_single_bit(rest))
        return refuse("zstd: damaged Huffman code");
    weights[count++] = static_cast<std::uint8_t>(std::bit_width(rest));

    Symbol* at = table_.data();
    for (unsigned weight = 1; weight <= bits; ++weight)
        for (unsigned symbol = 0; symbol < count; ++symbol)
            if (weights[symbol] == weight)
                at = std::fill_n(at, 1u << (weight - 1),
                                 Symbol{static_cast<std::uint8_t>(symbol), static_cast<std::uint8_t>(bits + 1 - weight)});
    bits_ = bits;
    return {};
}

Parsed<std::size_t> HuffmanTable::read(std::span<std::uint8_t const> bytes, FseTable& scratch)
{
    forget();
    Weights weights{};
    unsigned count = 0;
    std::size_t const size = TRY_PARSE(read_weights(bytes, weights, count, scratch));
    TRY_PARSE(build(weights, count));
    return size;
}

Checked HuffmanTable::decode(std::span<std::uint8_t const> stream, std::span<std::uint8_t> out) const
{
    BackwardBits bits(stream);
    if (!bits.valid())
        return refuse("zstd: damaged Huffman stream");
    constexpr unsigned at_once = 5; // symbols that 56 bits surely hold
    std::uint8_t* to = out.data();
    std::uint8_t* const end = to + out.size();
    while (end - to >= at_once) {
        std::uint64_t window = bits.peek(at_once * most_bits) << (64 - at_once * most_bits);
        unsigned used = 0;
#pragma GCC unroll 5
        for (unsigned i = 0; i < at_once; ++i) {
            Symbol const symbol = table_[window >> (64 - bits_)];
            window <<= symbol.bits;
            used += symbol.bits;
            *to++ = symbol.value;
        }
        bits.skip(used);
    }
    while (to != end) {
        Symbol const symbol = table_[bits.peek(bits_)];
        bits.skip(symbol.bits);
        *to++ = symbol.value;
    }
    if (bits.left() != 0)
        return refuse("zstd: a Huffman stream does not end where it says");
    return {};
}

namespace {

/// Sizes from the header of a literals section.
struct Section {
    std::size_t header = 0;
    std::size_t plain = 0;
    std::size_t coded = 0;
    bool one_stream = true;
};

Section parse_section(Kind kind, std::uint64_t word)
{
    unsigned const format = word >> 2 & 3;
    if (kind == Kind::plain || kind == Kind::repeated) {
        if (format == 1)
            return {2, word >> 4 & 0xfff, 0, true};
        if (format == 3)
            return {3, word >> 4 & 0xf'ffff, 0, true};
        return {1, word >> 3 & 0x1f, 0, true};
    }
    unsigned const width = format < 2 ? 10 : format == 2 ? 14 : 18;
    std::uint64_t const mask = (1u << width) - 1;
    return {(4 + 2 * width + 7) / 8, word >> 4 & mask, word >> (4 + width) & mask, format == 0};
}

Checked decode_streams(HuffmanTable const& huffman, std::span<std::uint8_t const> streams, std::span<std::uint8_t> out,
                       bool one_stream)
{
    if (one_stream)
        return huffman.decode(streams, out);
    Reader reader(streams);
    std::size_t sizes[4] = {reader.take<std::uint16_t>(), reader.take<std::uint16_t>(), reader.take<std::uint16_t>(), 0};
    std::size_t const coded = sizes[0] + sizes[1] + sizes[2];
    std::size_t const part = (out.size() + 3) / 4;
    if (reader.failed() || coded > reader.left() || part * 3 > out.size())
        return refuse("zstd: damaged literals");
    sizes[3] = reader.left() - coded;
    for (std::size_t i = 0; i < 4; ++i) {
        auto const to = out.subspan(i * part, i == 3 ? out.size() - 3 * part : part);
        TRY_PARSE(huffman.decode(reader.take_bytes(sizes[i]), to));
    }
    return {};
}

} // namespace

Parsed<std::size_t> ZstdLiterals::read(std::span<std::uint8_t const> block)
{
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(block.size(), 5); ++i)
        word |= static_cast<std::uint64_t>(block[i]) << (8 * i);
    auto const kind = static_cast<Kind>(word & 3);
    Section const section = parse_section(kind, word);
    std::size_t const stored = kind == Kind::plain ? section.plain : kind == Kind::repeated ? 1 : section.coded;
    if (section.header > block.size() || stored > block.size() - section.header || section.plain > buffer.size())
        return refuse("zstd: literals end behind their block");
    auto bytes = block.subspan(section.header, stored);
    auto const out = std::span(buffer).first(section.plain);
    current = out;
    switch (kind) {
    case Kind::plain: current = bytes; break;
    case Kind::repeated: std::ranges::fill(out, bytes[0]); break;
    case Kind::coded: {
        std::size_t const description = TRY_PARSE(huffman.read(bytes, weights));
        TRY_PARSE(decode_streams(huffman, bytes.subspan(description), out, section.one_stream));
        break;
    }
    case Kind::coded_as_before:
        if (!huffman.usable())
            return refuse("zstd: literals coded as in no block before");
        TRY_PARSE(decode_streams(huffman, bytes, out, section.one_stream));
        break;
    }
    return section.header + stored;
}

} // namespace rf::dom0::codec
