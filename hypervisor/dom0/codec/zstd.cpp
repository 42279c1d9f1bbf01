// SPDX-License-Identifier: MIT
#include "dom0/codec/zstd.hpp"

#include "dom0/codec/copy.hpp"
#include "dom0/codec/reader.hpp"
#include "dom0/codec/xxhash.hpp"

#include <algorithm>

namespace rf::dom0::codec {
namespace {

/// A code of lengths stands for base + that many extra bits.
struct LengthCode {
    std::uint32_t base;
    std::uint8_t extra_bits;
};
constexpr LengthCode literal_length_codes[] = {
    {0, 0},   {1, 0},   {2, 0},   {3, 0},    {4, 0},    {5, 0},    {6, 0},     {7, 0},     {8, 0},
    {9, 0},   {10, 0},  {11, 0},  {12, 0},   {13, 0},   {14, 0},   {15, 0},    {16, 1},    {18, 1},
    {20, 1},  {22, 1},  {24, 2},  {28, 2},   {32, 3},   {40, 3},   {48, 4},    {64, 6},    {128, 7},
    {256, 8}, {512, 9}, {1024, 10}, {2048, 11}, {4096, 12}, {8192, 13}, {16384, 14}, {32768, 15}, {65536, 16}};
constexpr LengthCode match_length_codes[] = {
    {3, 0},    {4, 0},    {5, 0},     {6, 0},     {7, 0},     {8, 0},     {9, 0},      {10, 0},     {11, 0},
    {12, 0},   {13, 0},   {14, 0},    {15, 0},    {16, 0},    {17, 0},    {18, 0},     {19, 0},     {20, 0},
    {21, 0},   {22, 0},   {23, 0},    {24, 0},    {25, 0},    {26, 0},    {27, 0},     {28, 0},     {29, 0},
    {30, 0},   {31, 0},   {32, 0},    {33, 0},    {34, 0},    {35, 1},    {37, 1},     {39, 1},     {41, 1},
    {43, 2},   {47, 2},   {51, 3},    {59, 3},    {67, 4},    {83, 4},    {99, 5},     {131, 7},    {259, 8},
    {515, 9},  {1027, 10}, {2051, 11}, {4099, 12}, {8195, 13}, {16387, 14}, {32771, 15}, {65539, 16}};
constexpr unsigned offset_symbols = 32; ///< offsets up to 2^32

// Codes that need no description.
constexpr std::int16_t usual_literal_lengths[] = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,  1,  2,  2,
                                                  2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
constexpr std::int16_t usual_match_lengths[] = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1,  1,  1,  1,  1,
                                                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,
                                                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};
constexpr std::int16_t usual_offsets[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1,  1,  1,  1,
                                          1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};

/// How one of the three codes of a block is given.
enum class CodeMode : std::uint8_t { usual, constant, described, as_before };

struct CodeKind {
    std::span<std::int16_t const> usual;
    unsigned usual_accuracy;
    unsigned most_symbols;
    unsigned most_accuracy;
};
constexpr CodeKind literal_length_kind{usual_literal_lengths, 6, std::size(literal_length_codes), 9};
constexpr CodeKind offset_kind{usual_offsets, 5, offset_symbols, 8};
constexpr CodeKind match_length_kind{usual_match_lengths, 6, std::size(match_length_codes), 9};

class ZstdDecoder {
public:
    ZstdDecoder(std::span<std::uint8_t const> in, std::span<std::uint8_t> out, ZstdScratch& scratch)
        : reader_(in), out_(out), to_(out.data()), end_(to_ + out.size()), scratch_(scratch)
    {
        scratch.literals.huffman.forget();
    }
    Parsed<std::size_t> decode();

private:
    struct Header {
        bool checksum;
    };
    Parsed<Header> header();
    Checked blocks();
    Checked compressed_block(std::span<std::uint8_t const> block);
    Checked code(CodeMode mode, CodeKind const& kind, FseTable& table, Reader& reader);
    Checked sequences(std::span<std::uint8_t const> stream, std::size_t count);
    Checked sequence(std::size_t literals, std::uint64_t offset, std::size_t length);
    std::uint64_t repeated_offset(std::uint64_t value, bool no_literals);
    Checked put_literals(std::size_t count);
    [[nodiscard]] std::size_t room() const { return static_cast<std::size_t>(end_ - to_); }
    [[nodiscard]] std::size_t written() const { return static_cast<std::size_t>(to_ - out_.data()); }

    Reader reader_;
    std::span<std::uint8_t> out_;
    std::uint8_t* to_;
    std::uint8_t* end_;
    ZstdScratch& scratch_;
    std::span<std::uint8_t const> literals_; ///< of this block, not yet used
    std::array<std::uint64_t, 3> recent_{1, 4, 8}; ///< offsets
    bool codes_known_ = false;
};

Parsed<ZstdDecoder::Header> ZstdDecoder::header()
{
    constexpr std::uint32_t magic = 0xfd2fb528;
    if (reader_.take<std::uint32_t>() != magic)
        return refuse("zstd: no frame header");
    std::uint8_t const descriptor = reader_.byte();
    unsigned const content_size_code = descriptor >> 6;
    bool const single_segment = descriptor & 0x20;
    if (descriptor & 0x08)
        return refuse("zstd: reserved bit in the frame header");
    if (descriptor & 3)
        return refuse("zstd: the frame needs a dictionary");
    if (!single_segment)
        reader_.skip(1); // window size
    switch (content_size_code) {
    case 0: reader_.skip(single_segment ? 1 : 0); break;
    case 1: reader_.skip(2); break;
    case 2: reader_.skip(4); break;
    default: reader_.skip(8); break;
    }
    if (reader_.failed())
        return refuse("zstd: the file ends within the frame header");
    return Header{(descriptor & 4) != 0};
}

Checked ZstdDecoder::code(CodeMode mode, CodeKind const& kind, FseTable& table, Reader& reader)
{
    switch (mode) {
    case CodeMode::usual: {
        FseCounts counts;
        std::ranges::copy(kind.usual, counts.of.begin());
        counts.symbols = static_cast<unsigned>(kind.usual.size());
        counts.accuracy = kind.usual_accuracy;
        table.build(counts);
        break;
    }
    case CodeMode::constant: {
        std::uint8_t const symbol = reader.byte();
        if (reader.failed() || symbol >= kind.most_symbols)
            return refuse("zstd: damaged sequences");
        table.build_constant(symbol);
        break;
    }
    case CodeMode::described: {
        FseCounts const counts =
            TRY_PARSE(read_counts({reader.here(), reader.left()}, kind.most_symbols, kind.most_accuracy));
        reader.skip(counts.bytes_read);
        table.build(counts);
        break;
    }
    case CodeMode::as_before:
        if (!codes_known_)
            return refuse("zstd: sequences coded as in no block before");
        break;
    }
    return {};
}

std::uint64_t ZstdDecoder::repeated_offset(std::uint64_t value, bool no_literals)
{
    // After literals, 1..3 name the recent offsets; without, 1 and 2 name the second and third, 3 the first minus one.
    std::uint64_t const index = value - 1 + (no_literals ? 1 : 0);
    std::uint64_t const offset = index < 3 ? recent_[index] : recent_[0] - 1;
    if (index == 0)
        return offset;
    if (index != 1)
        recent_[2] = recent_[1];
    recent_[1] = recent_[0];
    return recent_[0] = offset;
}

Checked ZstdDecoder::put_literals(std::size_t count)
{
    if (count > literals_.size())
        return refuse("zstd: more literals used than there are");
    if (count > room())
        return refuse("zstd: more data than announced");
    // Short runs are the rule: one word each, where both sides have one.
    if (count <= 8 && literals_.size() >= 8 && room() >= 8)
        store(to_, load<std::uint64_t>(literals_.data()));
    else
        std::copy_n(literals_.data(), count, to_);
    to_ += count;
    literals_ = literals_.subspan(count);
    return {};
}

Checked ZstdDecoder::sequence(std::size_t literals, std::uint64_t offset, std::size_t length)
{
    TRY_PARSE(put_literals(literals));
    if (offset == 0 || offset > written())
        return refuse("zstd: a match reaches back before the beginning");
    if (length > room())
        return refuse("zstd: more data than announced");
    copy_match(to_, offset, length, end_);
    to_ += length;
    return {};
}

Checked ZstdDecoder::sequences(std::span<std::uint8_t const> stream, std::size_t count)
{
    BackwardBits bits(stream);
    if (!bits.valid())
        return refuse("zstd: damaged sequences");
    std::uint64_t literal_state = bits.take(scratch_.literal_lengths.accuracy());
    std::uint64_t offset_state = bits.take(scratch_.offsets.accuracy());
    std::uint64_t match_state = bits.take(scratch_.match_lengths.accuracy());
    for (; count; --count) {
        FseState const literal = scratch_.literal_lengths[literal_state];
        FseState const offset = scratch_.offsets[offset_state];
        FseState const match = scratch_.match_lengths[match_state];

        std::uint64_t const offset_value = (1ull << offset.symbol) + bits.take(offset.symbol);
        LengthCode const match_code = match_length_codes[match.symbol];
        LengthCode const literal_code = literal_length_codes[literal.symbol];
        std::size_t const match_length = match_code.base + bits.take(match_code.extra_bits);
        std::size_t const literal_length = literal_code.base + bits.take(literal_code.extra_bits);
        std::uint64_t distance;
        if (offset_value > 3) {
            distance = offset_value - 3;
            recent_ = {distance, recent_[0], recent_[1]};
        } else {
            distance = repeated_offset(offset_value, literal_length == 0);
        }
        TRY_PARSE(sequence(literal_length, distance, match_length));
        if (count > 1) {
            literal_state = literal.base + bits.take(literal.bits);
            match_state = match.base + bits.take(match.bits);
            offset_state = offset.base + bits.take(offset.bits);
        }
        if (bits.left() < 0)
            return refuse("zstd: sequences end too early");
    }
    if (bits.left() != 0)
        return refuse("zstd: sequences do not end where they say");
    return {};
}

Checked ZstdDecoder::compressed_block(std::span<std::uint8_t const> block)
{
    std::size_t const literals_size = TRY_PARSE(scratch_.literals.read(block));
    literals_ = scratch_.literals.current;
    Reader reader(block.subspan(literals_size));
    std::size_t count = reader.byte();
    if (count == 255)
        count = reader.take<std::uint16_t>() + 0x7f00u;
    else if (count >= 128)
        count = ((count - 128) << 8) + reader.byte();
    if (count) {
        std::uint8_t const modes = reader.byte();
        if (modes & 3)
            return refuse("zstd: reserved bits in a block");
        TRY_PARSE(code(static_cast<CodeMode>(modes >> 6), literal_length_kind, scratch_.literal_lengths, reader));
        TRY_PARSE(code(static_cast<CodeMode>(modes >> 4 & 3), offset_kind, scratch_.offsets, reader));
        TRY_PARSE(code(static_cast<CodeMode>(modes >> 2 & 3), match_length_kind, scratch_.match_lengths, reader));
        codes_known_ = true;
        if (!reader.failed())
            TRY_PARSE(sequences(reader.take_bytes(reader.left()), count));
    }
    if (reader.failed())
        return refuse("zstd: a block ends too early");
    return put_literals(literals_.size());
}

Checked ZstdDecoder::blocks()
{
    enum Kind : unsigned { plain, repeated, compressed };
    for (bool last = false; !last;) {
        std::uint32_t const header = reader_.take<std::uint16_t>() | reader_.byte() << 16;
        last = header & 1;
        std::size_t const size = header >> 3;
        unsigned const kind = header >> 1 & 3;
        auto const bytes = reader_.take_bytes(kind == repeated ? 1 : size);
        if (reader_.failed())
            return refuse("zstd: the file ends within a block");
        if (kind != compressed && size > room())
            return refuse("zstd: more data than announced");
        switch (kind) {
        case plain: to_ = std::ranges::copy(bytes, to_).out; break;
        case repeated: to_ = std::fill_n(to_, size, bytes[0]); break;
        case compressed:
            if (size > zstd_block_limit)
                return refuse("zstd: a block larger than allowed");
            TRY_PARSE(compressed_block(bytes));
            break;
        default: return refuse("zstd: unknown kind of block");
        }
    }
    return {};
}

Parsed<std::size_t> ZstdDecoder::decode()
{
    Header const frame = TRY_PARSE(header());
    TRY_PARSE(blocks());
    if (frame.checksum) {
        auto const expected = reader_.take<std::uint32_t>();
        if (reader_.failed() || expected != static_cast<std::uint32_t>(xxhash64(out_.first(written()))))
            return refuse("zstd: checksum mismatch (damaged file)");
    }
    return written();
}

} // namespace

Parsed<std::size_t> decode_zstd(std::span<std::uint8_t const> in, std::span<std::uint8_t> out, ZstdScratch& scratch)
{
    return ZstdDecoder(in, out, scratch).decode();
}

} // namespace rf::dom0::codec
