// SPDX-License-Identifier: MIT
#include "dom0/codec/xz.hpp"

#include "dom0/codec/reader.hpp"
#include "dom0/codec/x86_filter.hpp"

#include <algorithm>

namespace rf::dom0::codec {
namespace {

constexpr std::array<std::uint8_t, 6> stream_magic{0xfd, '7', 'z', 'X', 'Z', 0};
constexpr std::size_t header_bytes = 12;
constexpr std::size_t flags_at = 6;

enum class Check : std::uint8_t { none = 0, crc32 = 1 };

// Filter identifiers.
constexpr std::uint64_t filter_x86 = 0x04;
constexpr std::uint64_t filter_lzma2 = 0x21;

/// A number in groups of seven bits, lowest first; at most nine bytes, no padding.
Parsed<std::uint64_t> variable_number(Reader& reader)
{
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        std::uint8_t const byte = reader.byte();
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if (reader.failed() || (byte == 0 && shift))
                break;
            return value;
        }
    }
    return refuse("xz: malformed number");
}

class XzDecoder {
public:
    XzDecoder(std::span<std::uint8_t const> in, std::span<std::uint8_t> out, XzScratch& scratch)
        : in_(in), out_(out), reader_(in), scratch_(scratch), lzma_(scratch.model)
    {
        scratch.crc.build();
    }
    Parsed<std::size_t> decode();

private:
    struct BlockHeader {
        bool x86_filter = false;
        std::uint64_t compressed = unknown;
        std::uint64_t uncompressed = unknown;
    };
    static constexpr std::uint64_t unknown = ~0ull;

    Parsed<Check> stream_header();
    Parsed<BlockHeader> block_header(std::size_t bytes);
    Parsed<bool> filters(Reader& header, unsigned count);
    Checked block(std::size_t header_size, Check check);
    Checked lzma2();
    Checked plain_chunk(unsigned control);
    Checked coded_chunk(unsigned control);
    Checked padding(std::size_t start);
    Checked index();
    Checked footer(std::size_t index_bytes);
    [[nodiscard]] bool crc_matches(std::span<std::uint8_t const> bytes, std::uint32_t expected) const
    {
        return scratch_.crc.of(bytes) == expected;
    }

    std::span<std::uint8_t const> in_;
    std::span<std::uint8_t> out_;
    Reader reader_;
    XzScratch& scratch_;
    LzmaDecoder lzma_;
    std::size_t written_ = 0;

    // LZMA2: what a chunk may take over from the one before.
    bool need_dictionary_ = true;
    bool need_properties_ = true;

    // For comparison with the index.
    std::uint64_t blocks_ = 0;
    std::uint64_t unpadded_sum_ = 0;
};

Parsed<Check> XzDecoder::stream_header()
{
    auto const header = reader_.take_bytes(header_bytes);
    if (header.empty() || !std::ranges::equal(header.first(stream_magic.size()), stream_magic))
        return refuse("xz: no stream header");
    if (!crc_matches(header.subspan(flags_at, 2), load<std::uint32_t>(header.data() + 8)))
        return refuse("xz: damaged stream header");
    std::uint8_t const check = header[flags_at + 1];
    if (header[flags_at] != 0 || check > static_cast<std::uint8_t>(Check::crc32))
        return refuse("xz: a check other than CRC32 (use xz --check=crc32)");
    return static_cast<Check>(check);
}

Parsed<bool> XzDecoder::filters(Reader& header, unsigned count)
{
    bool x86 = false;
    for (unsigned i = 0; i < count; ++i) {
        std::uint64_t const id = TRY_PARSE(variable_number(header));
        std::uint64_t const size = TRY_PARSE(variable_number(header));
        bool const last = i + 1 == count;
        if (id == filter_lzma2 && last && size == 1) {
            if (header.byte() > 40)
                return refuse("xz: impossible dictionary size");
        } else if (id == filter_x86 && !last && !x86 && (size == 0 || size == 4)) {
            x86 = true;
            if (size == 4 && header.take<std::uint32_t>() != 0)
                return refuse("xz: x86 filter with a start offset");
        } else {
            return refuse("xz: a filter other than x86 and LZMA2");
        }
    }
    return x86;
}

Parsed<XzDecoder::BlockHeader> XzDecoder::block_header(std::size_t bytes)
{
    auto const whole = reader_.take_bytes(bytes);
    if (whole.empty())
        return refuse("xz: the file ends within a block header");
    if (!crc_matches(whole.first(bytes - 4), load<std::uint32_t>(whole.data() + bytes - 4)))
        return refuse("xz: damaged block header");
    Reader header(whole.first(bytes - 4));
    header.skip(1);
    std::uint8_t const flags = header.byte();
    if (flags & 0x3c)
        return refuse("xz: unknown block flags");
    BlockHeader block;
    if (flags & 0x40)
        block.compressed = TRY_PARSE(variable_number(header));
    if (flags & 0x80)
        block.uncompressed = TRY_PARSE(variable_number(header));
    block.x86_filter = TRY_PARSE(filters(header, (flags & 3) + 1));
    while (header.left())
        if (header.byte() != 0)
            return refuse("xz: padding of a block header is not zero");
    if (header.failed())
        return refuse("xz: malformed block header");
    return block;
}

Checked XzDecoder::plain_chunk(unsigned control)
{
    if (control > 2 || (control == 2 && need_dictionary_))
        return refuse("LZMA2: impossible chunk");
    if (control == 1) {
        need_dictionary_ = false;
        lzma_.set_dictionary(out_.data() + written_);
    }
    std::size_t const size = (static_cast<std::size_t>(reader_.byte()) << 8 | reader_.byte()) + 1;
    auto const bytes = reader_.take_bytes(size);
    if (bytes.empty())
        return refuse("LZMA2: the file ends within a chunk");
    if (size > out_.size() - written_)
        return refuse("xz: more data than announced");
    std::ranges::copy(bytes, out_.data() + written_);
    written_ += size;
    return {};
}

Checked XzDecoder::coded_chunk(unsigned control)
{
    std::size_t const plain_size =
        (static_cast<std::size_t>(control & 0x1f) << 16 | reader_.byte() << 8 | reader_.byte()) + 1;
    std::size_t const coded_size = (static_cast<std::size_t>(reader_.byte()) << 8 | reader_.byte()) + 1;
    unsigned const reset = control >> 5 & 3; // 1: state, 2: and properties, 3: and dictionary
    if ((need_dictionary_ && reset != 3) || (need_properties_ && reset < 2))
        return refuse("LZMA2: a chunk builds on nothing");
    if (reset == 3) {
        need_dictionary_ = false;
        lzma_.set_dictionary(out_.data() + written_);
    }
    if (reset >= 2) {
        lzma_.reset(TRY_PARSE(LzmaProperties::from_byte(reader_.byte())));
        need_properties_ = false;
    } else if (reset == 1) {
        lzma_.reset_state();
    }

    auto const coded = reader_.take_bytes(coded_size);
    if (coded.size() < 5)
        return refuse("LZMA2: the file ends within a chunk");
    if (plain_size > out_.size() - written_)
        return refuse("xz: more data than announced");
    std::uint8_t const* from = coded.data();
    if (reader_.left() < LzmaDecoder::lookahead) {
        from = scratch_.last_chunk.data();
        std::ranges::copy(coded, scratch_.last_chunk.data());
        std::fill_n(scratch_.last_chunk.data() + coded_size, LzmaDecoder::lookahead, std::uint8_t{0});
    }
    std::uint8_t const* const stop = from + coded_size;
    std::uint8_t* const to = out_.data() + written_;
    TRY_PARSE(lzma_.start(from));
    auto const run = TRY_PARSE(lzma_.run(from + 5, stop, to, to + plain_size));
    from = run.in;
    bool const complete = lzma_.finish(from) && from == stop && run.out == to + plain_size && !run.end_marker;
    if (!complete)
        return refuse("LZMA2: a chunk does not end where it says (damaged data)");
    written_ += plain_size;
    return {};
}

Checked XzDecoder::lzma2()
{
    need_dictionary_ = need_properties_ = true;
    for (;;) {
        unsigned const control = reader_.byte();
        if (reader_.failed())
            return refuse("xz: the file ends within a block");
        if (control == 0)
            return {};
        TRY_PARSE(control & 0x80 ? coded_chunk(control) : plain_chunk(control));
    }
}

Checked XzDecoder::block(std::size_t header_size, Check check)
{
    std::size_t const start = reader_.at();
    BlockHeader const header = TRY_PARSE(block_header(header_size));
    std::size_t const first_byte = written_;
    std::size_t const data_start = reader_.at();
    TRY_PARSE(lzma2());
    std::size_t const compressed = reader_.at() - data_start;
    auto const plain = out_.subspan(first_byte, written_ - first_byte);
    if ((header.compressed != unknown && header.compressed != compressed) ||
        (header.uncompressed != unknown && header.uncompressed != plain.size()))
        return refuse("xz: a block's sizes are not those in its header");
    if (header.x86_filter)
        undo_x86_filter(plain);

    std::size_t unpadded = reader_.at() - start;
    TRY_PARSE(padding(start));
    if (check == Check::crc32) {
        auto const expected = reader_.take<std::uint32_t>();
        if (reader_.failed() || !crc_matches(plain, expected))
            return refuse("xz: checksum mismatch (damaged file)");
        unpadded += sizeof expected;
    }
    ++blocks_;
    unpadded_sum_ += unpadded;
    return {};
}

/// Zeros up to a multiple of four bytes after `start`.
Checked XzDecoder::padding(std::size_t start)
{
    auto const zeros = reader_.take_bytes((0 - (reader_.at() - start)) & 3);
    if (reader_.failed() || std::ranges::any_of(zeros, [](std::uint8_t byte) { return byte != 0; }))
        return refuse("xz: damaged padding");
    return {};
}

Checked XzDecoder::index()
{
    std::size_t const start = reader_.at();
    reader_.skip(1);
    std::uint64_t const records = TRY_PARSE(variable_number(reader_));
    if (records != blocks_)
        return refuse("xz: the index does not fit the blocks");
    std::uint64_t unpadded = 0, plain = 0;
    for (std::uint64_t i = 0; i < records; ++i) {
        unpadded += TRY_PARSE(variable_number(reader_));
        plain += TRY_PARSE(variable_number(reader_));
    }
    TRY_PARSE(padding(start));
    auto const covered = in_.subspan(start, reader_.at() - start);
    auto const expected = reader_.take<std::uint32_t>();
    if (reader_.failed() || !crc_matches(covered, expected) || unpadded != unpadded_sum_ || plain != written_)
        return refuse("xz: the index does not fit the blocks");
    return footer(reader_.at() - start);
}

Checked XzDecoder::footer(std::size_t index_bytes)
{
    auto const footer = reader_.take_bytes(header_bytes);
    if (footer.empty() || footer[10] != 'Y' || footer[11] != 'Z' ||
        !crc_matches(footer.subspan(4, 6), load<std::uint32_t>(footer.data())) ||
        load<std::uint32_t>(footer.data() + 4) != index_bytes / 4 - 1 ||
        !std::ranges::equal(footer.subspan(8, 2), in_.subspan(flags_at, 2)))
        return refuse("xz: damaged stream footer");
    return {};
}

Parsed<std::size_t> XzDecoder::decode()
{
    Check const check = TRY_PARSE(stream_header());
    for (;;) {
        if (!reader_.left())
            return refuse("xz: the file ends before the index");
        std::size_t const header_size = *reader_.here() * 4u + 4;
        if (*reader_.here() == 0)
            break;
        TRY_PARSE(block(header_size, check));
    }
    TRY_PARSE(index());
    return written_;
}

} // namespace

Parsed<std::size_t> decode_xz(std::span<std::uint8_t const> in, std::span<std::uint8_t> out, XzScratch& scratch)
{
    return XzDecoder(in, out, scratch).decode();
}

} // namespace rf::dom0::codec
