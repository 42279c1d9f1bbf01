// SPDX-License-Identifier: MIT
#include "dom0/codec/gzip.hpp"

#include "dom0/codec/copy.hpp"
#include "dom0/codec/reader.hpp"

#include <algorithm>

namespace rf::dom0::codec {
namespace {

/// Bits from low to high; behind the end come zeros, which are counted.
class BitReader {
public:
    explicit BitReader(std::span<std::uint8_t const> bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

    /// Makes at least 56 bits available.
    [[gnu::always_inline]] void refill()
    {
        if (end_ - at_ >= 8) [[likely]] {
            bits_ |= load<std::uint64_t>(at_) << count_;
            at_ += (63 - count_) >> 3;
            count_ |= 56;
            return;
        }
        for (; count_ <= 56; count_ += 8) {
            if (at_ != end_)
                bits_ |= static_cast<std::uint64_t>(*at_++) << count_;
            else
                ++missing_;
        }
    }
    [[nodiscard]] std::uint64_t peek(unsigned count) const { return bits_ & ((1ull << count) - 1); }
    void skip(unsigned count)
    {
        bits_ >>= count;
        count_ -= count;
    }
    /// The next `count` <= 32 bits. The caller has refilled.
    std::uint32_t take(unsigned count)
    {
        auto const value = static_cast<std::uint32_t>(peek(count));
        skip(count);
        return value;
    }
    /// Leaves the bits and continues with whole bytes; the first byte that no bit was taken of.
    std::uint8_t const* align()
    {
        skip(count_ & 7);
        std::uint8_t const* const byte = at_ - (count_ / 8 - std::min(missing_, count_ / 8));
        bits_ = 0;
        count_ = 0;
        return byte;
    }
    void continue_at(std::uint8_t const* byte) { at_ = byte; }
    /// True when bits were used that are not there.
    [[nodiscard]] bool overrun() const { return missing_ * 8 > count_; }
    [[nodiscard]] std::uint8_t const* end() const { return end_; }

private:
    std::uint8_t const* at_;
    std::uint8_t const* end_;
    std::uint64_t bits_ = 0;
    unsigned count_ = 0;
    unsigned missing_ = 0; ///< bytes supplied from behind the end
};

struct Range {
    std::uint16_t base;
    std::uint8_t extra_bits;
};
constexpr unsigned first_length_symbol = 257;
constexpr unsigned end_of_block = 256;
constexpr Range lengths[] = {{3, 0},  {4, 0},  {5, 0},  {6, 0},  {7, 0},  {8, 0},   {9, 0},   {10, 0},  {11, 1}, {13, 1},
                             {15, 1}, {17, 1}, {19, 2}, {23, 2}, {27, 2}, {31, 2},  {35, 3},  {43, 3},  {51, 3}, {59, 3},
                             {67, 4}, {83, 4}, {99, 4}, {115, 4}, {131, 5}, {163, 5}, {195, 5}, {227, 5}, {258, 0}};
constexpr Range distances[] = {{1, 0},     {2, 0},     {3, 0},     {4, 0},     {5, 1},      {7, 1},
                               {9, 2},     {13, 2},    {17, 3},    {25, 3},    {33, 4},     {49, 4},
                               {65, 5},    {97, 5},    {129, 6},   {193, 6},   {257, 7},    {385, 7},
                               {513, 8},   {769, 8},   {1025, 9},  {1537, 9},  {2049, 10},  {3073, 10},
                               {4097, 11}, {6145, 11}, {8193, 12}, {12289, 12}, {16385, 13}, {24577, 13}};

enum class Completeness : std::uint8_t { complete, may_be_incomplete };

/// Builds the code from its lengths (0: symbol unused). False when the lengths describe no code.
bool build(PrefixCode& code, std::span<std::uint8_t const> code_lengths, Completeness completeness)
{
    code.count.fill(0);
    code.fast.fill(0);
    for (std::uint8_t const length : code_lengths)
        ++code.count[length];
    code.count[0] = 0;
    int left = 1;
    std::array<std::uint16_t, PrefixCode::longest + 2> place{};
    std::array<std::uint32_t, PrefixCode::longest + 2> next{};
    for (unsigned length = 1; length <= PrefixCode::longest; ++length) {
        left = left * 2 - code.count[length];
        if (left < 0)
            return false;
        place[length + 1] = static_cast<std::uint16_t>(place[length] + code.count[length]);
        next[length + 1] = (next[length] + code.count[length]) << 1;
    }
    // Only a distance code of one symbol may leave codes unused (RFC 1951, 3.2.7).
    if (left > 0 && completeness == Completeness::complete)
        return false;

    for (unsigned symbol = 0; symbol < code_lengths.size(); ++symbol) {
        unsigned const length = code_lengths[symbol];
        if (!length)
            continue;
        code.symbols[place[length]++] = static_cast<std::uint16_t>(symbol);
        std::uint32_t const bits = next[length]++;
        if (length > PrefixCode::fast_bits)
            continue;
        std::uint32_t reversed = 0;
        for (unsigned i = 0; i < length; ++i)
            reversed |= (bits >> i & 1) << (length - 1 - i);
        for (std::uint32_t index = reversed; index < code.fast.size(); index += 1u << length)
            code.fast[index] = static_cast<std::uint16_t>(symbol << 4 | length);
    }
    return true;
}

class Inflater {
public:
    Inflater(std::span<std::uint8_t const> in, std::span<std::uint8_t> out, GzipScratch& scratch)
        : bits_(in), out_(out), to_(out.data()), end_(to_ + out.size()), scratch_(scratch)
    {
    }
    /// Decodes all blocks; yields the first byte behind them.
    Parsed<std::uint8_t const*> inflate();
    [[nodiscard]] std::size_t written() const { return static_cast<std::size_t>(to_ - out_.data()); }

private:
    static constexpr unsigned invalid_symbol = ~0u;

    Checked stored_block();
    Checked fixed_codes();
    Checked dynamic_codes();
    Checked coded_block();
    /// The next symbol; at least 15 bits must be available.
    [[gnu::always_inline]] unsigned symbol(PrefixCode const& code)
    {
        std::uint16_t const entry = code.fast[bits_.peek(PrefixCode::fast_bits)];
        if (entry) [[likely]] {
            bits_.skip(entry & 15);
            return entry >> 4;
        }
        return long_symbol(code);
    }
    unsigned long_symbol(PrefixCode const& code);

    BitReader bits_;
    std::span<std::uint8_t> out_;
    std::uint8_t* to_;
    std::uint8_t* end_;
    GzipScratch& scratch_;
};

unsigned Inflater::long_symbol(PrefixCode const& code)
{
    // Codes of one length are consecutive numbers: `first` is the least of them, `index` its place among the symbols.
    std::uint32_t bits = 0, first = 0, index = 0;
    std::uint64_t const ahead = bits_.peek(PrefixCode::longest);
    for (unsigned length = 1; length <= PrefixCode::longest; ++length) {
        bits |= ahead >> (length - 1) & 1;
        std::uint32_t const count = code.count[length];
        if (bits - first < count) {
            bits_.skip(length);
            return code.symbols[index + bits - first];
        }
        index += count;
        first = (first + count) << 1;
        bits <<= 1;
    }
    return invalid_symbol;
}

Checked Inflater::stored_block()
{
    std::uint8_t const* const at = bits_.align();
    auto const left = static_cast<std::size_t>(bits_.end() - at);
    if (left < 4)
        return refuse("gzip: the file ends within a block");
    auto const size = load<std::uint16_t>(at);
    if (static_cast<std::uint16_t>(~size) != load<std::uint16_t>(at + 2) || size > left - 4)
        return refuse("gzip: damaged stored block");
    if (size > end_ - to_)
        return refuse("gzip: more data than announced");
    to_ = std::copy_n(at + 4, size, to_);
    bits_.continue_at(at + 4 + size);
    return {};
}

Checked Inflater::fixed_codes()
{
    std::array<std::uint8_t, 288> bit_lengths;
    for (unsigned symbol = 0; symbol < bit_lengths.size(); ++symbol)
        bit_lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
    std::array<std::uint8_t, 30> five;
    five.fill(5);
    if (!build(scratch_.literals, bit_lengths, Completeness::complete) ||
        !build(scratch_.distances, five, Completeness::may_be_incomplete))
        return refuse("gzip: bad fixed code");
    return {};
}

Checked Inflater::dynamic_codes()
{
    constexpr std::uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    bits_.refill();
    unsigned const literal_count = bits_.take(5) + 257;
    unsigned const distance_count = bits_.take(5) + 1;
    unsigned const length_count = bits_.take(4) + 4;
    if (literal_count > 286 || distance_count > 30)
        return refuse("gzip: damaged code lengths");
    std::array<std::uint8_t, 320> code_lengths{};
    for (unsigned i = 0; i < length_count; ++i) {
        bits_.refill();
        code_lengths[order[i]] = static_cast<std::uint8_t>(bits_.take(3));
    }
    if (!build(scratch_.literals, std::span(code_lengths).first(19), Completeness::complete))
        return refuse("gzip: damaged code lengths");

    code_lengths.fill(0);
    unsigned const total = literal_count + distance_count;
    for (unsigned i = 0; i < total;) {
        bits_.refill();
        unsigned const what = symbol(scratch_.literals);
        if (what < 16) {
            code_lengths[i++] = static_cast<std::uint8_t>(what);
            continue;
        }
        if (what > 18 || (what == 16 && i == 0))
            return refuse("gzip: damaged code lengths");
        std::uint8_t const value = what == 16 ? code_lengths[i - 1] : 0;
        unsigned const repeat = what == 16 ? 3 + bits_.take(2) : what == 17 ? 3 + bits_.take(3) : 11 + bits_.take(7);
        if (repeat > total - i)
            return refuse("gzip: damaged code lengths");
        std::fill_n(code_lengths.begin() + i, repeat, value);
        i += repeat;
    }
    auto const literal_lengths = std::span(code_lengths).first(literal_count);
    auto const distance_lengths = std::span(code_lengths).subspan(literal_count, distance_count);
    bool const one_distance = std::ranges::count_if(distance_lengths, [](auto length) { return length != 0; }) <= 1;
    if (literal_lengths[end_of_block] == 0 || !build(scratch_.literals, literal_lengths, Completeness::complete) ||
        !build(scratch_.distances, distance_lengths,
               one_distance ? Completeness::may_be_incomplete : Completeness::complete))
        return refuse("gzip: damaged code lengths");
    return {};
}

Checked Inflater::coded_block()
{
    for (;;) {
        bits_.refill();
        unsigned const what = symbol(scratch_.literals);
        if (what < end_of_block) {
            if (to_ == end_)
                return refuse("gzip: more data than announced");
            *to_++ = static_cast<std::uint8_t>(what);
            continue;
        }
        if (bits_.overrun())
            return refuse("gzip: the file ends within a block");
        if (what == end_of_block)
            return {};
        if (what - first_length_symbol >= std::size(lengths))
            return refuse("gzip: invalid length code");
        // 15 + 5 + 15 + 13 bits at most: one refill is enough.
        Range const length_range = lengths[what - first_length_symbol];
        std::size_t const length = length_range.base + bits_.take(length_range.extra_bits);
        unsigned const slot = symbol(scratch_.distances);
        if (slot >= std::size(distances))
            return refuse("gzip: invalid distance code");
        std::size_t const distance = distances[slot].base + bits_.take(distances[slot].extra_bits);
        if (distance > written())
            return refuse("gzip: a match reaches back before the beginning");
        if (length > static_cast<std::size_t>(end_ - to_))
            return refuse("gzip: more data than announced");
        copy_match(to_, distance, length, end_);
        to_ += length;
    }
}

Parsed<std::uint8_t const*> Inflater::inflate()
{
    for (bool last = false; !last;) {
        bits_.refill();
        last = bits_.take(1);
        switch (bits_.take(2)) {
        case 0: TRY_PARSE(stored_block()); break;
        case 1:
            TRY_PARSE(fixed_codes());
            TRY_PARSE(coded_block());
            break;
        case 2:
            TRY_PARSE(dynamic_codes());
            TRY_PARSE(coded_block());
            break;
        default: return refuse("gzip: unknown kind of block");
        }
        if (bits_.overrun())
            return refuse("gzip: the file ends within a block");
    }
    return bits_.align();
}

// Bits of the header's flags.
constexpr unsigned has_header_crc = 2, has_extra = 4, has_name = 8, has_comment = 16;

void skip_text(Reader& reader)
{
    while (!reader.failed() && reader.byte() != 0) {
    }
}

} // namespace

Parsed<std::size_t> decode_gzip(std::span<std::uint8_t const> in, std::span<std::uint8_t> out, GzipScratch& scratch)
{
    constexpr std::uint16_t magic = 0x8b1f;
    constexpr std::uint8_t deflate = 8;
    Reader reader(in);
    if (reader.take<std::uint16_t>() != magic || reader.byte() != deflate)
        return refuse("gzip: no header");
    std::uint8_t const flags = reader.byte();
    reader.skip(6);
    if (flags & has_extra)
        reader.skip(reader.take<std::uint16_t>());
    if (flags & has_name)
        skip_text(reader);
    if (flags & has_comment)
        skip_text(reader);
    if (flags & has_header_crc)
        reader.skip(2);
    if (reader.failed())
        return refuse("gzip: the file ends within its header");

    Inflater inflater(in.subspan(reader.at()), out, scratch);
    std::uint8_t const* const end = TRY_PARSE(inflater.inflate());
    Reader trailer(in.subspan(static_cast<std::size_t>(end - in.data())));
    auto const checksum = trailer.take<std::uint32_t>();
    auto const size = trailer.take<std::uint32_t>();
    scratch.crc.build();
    if (trailer.failed() || size != static_cast<std::uint32_t>(inflater.written()) ||
        checksum != scratch.crc.of(out.first(inflater.written())))
        return refuse("gzip: checksum mismatch (damaged file)");
    return inflater.written();
}

} // namespace rf::dom0::codec
