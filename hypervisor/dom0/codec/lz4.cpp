// SPDX-License-Identifier: MIT
#include "dom0/codec/lz4.hpp"

#include "dom0/codec/copy.hpp"
#include "dom0/codec/reader.hpp"

#include <algorithm>

namespace rf::dom0::codec {
namespace {

constexpr std::uint32_t legacy_magic = 0x184c2102;
constexpr std::size_t block_output = 8u << 20;
constexpr std::size_t shortest_copy = 4;
constexpr std::size_t length_continues = 15;

/// A length whose four bits in the token may be continued by bytes.
std::size_t full_length(Reader& reader, std::size_t length)
{
    if (length != length_continues)
        return length;
    std::uint8_t more;
    do {
        more = reader.byte();
        length += more;
    } while (more == 255);
    return length;
}

/// Decodes one block to the start of `out`; yields its size.
Parsed<std::size_t> decode_block(std::span<std::uint8_t const> in, std::span<std::uint8_t> out)
{
    Reader reader(in);
    std::uint8_t* to = out.data();
    std::uint8_t* const end = to + out.size();
    while (reader.left()) {
        std::uint8_t const token = reader.byte();
        std::size_t const literals = full_length(reader, token >> 4);
        if (literals > static_cast<std::size_t>(end - to))
            return refuse("lz4: more data than announced");
        auto const bytes = reader.take_bytes(literals);
        if (reader.failed())
            break;
        to = std::ranges::copy(bytes, to).out;
        if (!reader.left())
            return static_cast<std::size_t>(to - out.data());

        auto const distance = reader.take<std::uint16_t>();
        std::size_t const length = full_length(reader, token & 15) + shortest_copy;
        if (reader.failed())
            break;
        if (distance == 0 || distance > to - out.data())
            return refuse("lz4: a match reaches back before the beginning");
        if (length > static_cast<std::size_t>(end - to))
            return refuse("lz4: more data than announced");
        copy_match(to, distance, length, end);
        to += length;
    }
    return refuse("lz4: a block ends too early");
}

} // namespace

Parsed<std::size_t> decode_lz4(std::span<std::uint8_t const> in, std::span<std::uint8_t> out)
{
    Reader reader(in);
    if (reader.take<std::uint32_t>() != legacy_magic)
        return refuse("lz4: not the legacy format (use lz4 -l)");
    std::size_t written = 0;
    while (written < out.size() && reader.left()) {
        auto const size = reader.take<std::uint32_t>();
        if (size == legacy_magic) // another file appended
            continue;
        auto const block = reader.take_bytes(size);
        if (reader.failed())
            return refuse("lz4: a block ends behind the file");
        std::size_t const room = std::min(out.size() - written, block_output);
        written += TRY_PARSE(decode_block(block, out.subspan(written, room)));
    }
    return written;
}

} // namespace rf::dom0::codec
