// SPDX-License-Identifier: MIT
#include "dom0/codec/lzma_alone.hpp"

#include "dom0/codec/reader.hpp"

#include <algorithm>
#include <array>

namespace rf::dom0::codec {
namespace {

constexpr std::size_t range_coder_start = 5;
constexpr std::uint64_t unknown_size = ~0ull;

} // namespace

Parsed<std::size_t> decode_lzma_alone(std::span<std::uint8_t const> in, std::span<std::uint8_t> out, LzmaModel& model)
{
    Reader reader(in);
    LzmaProperties const properties = TRY_PARSE(LzmaProperties::from_byte(reader.byte()));
    reader.skip(sizeof(std::uint32_t)); // dictionary size: the whole output is ours
    auto const size = reader.take<std::uint64_t>();
    auto const data = reader.take_bytes(reader.left());
    if (data.size() < range_coder_start)
        return refuse("LZMA: the file ends within its header");
    if (size != unknown_size && size > out.size())
        return refuse("LZMA: more data than announced");

    LzmaDecoder decoder(model);
    decoder.reset(properties);
    decoder.set_dictionary(out.data());
    TRY_PARSE(decoder.start(data.data()));
    std::uint8_t const* const begin = data.data() + range_coder_start;
    std::uint8_t const* const end = data.data() + data.size();
    std::uint8_t* const out_end = out.data() + (size == unknown_size ? out.size() : size);

    // The body is decoded in place; the last bytes, where the look-ahead would leave the input, from a padded copy.
    constexpr std::size_t look = LzmaDecoder::lookahead;
    LzmaDecoder::Run run{begin, out.data(), false};
    if (static_cast<std::size_t>(end - begin) > look)
        run = TRY_PARSE(decoder.run(begin, end - look - 1, run.out, out_end));
    if (run.out != out_end && !run.end_marker) {
        std::array<std::uint8_t, 4 * look> tail{};
        auto const left = static_cast<std::size_t>(end - run.in);
        std::copy_n(run.in, left, tail.data());
        run = TRY_PARSE(decoder.run(tail.data(), tail.data() + left, run.out, out_end));
        if (run.in > tail.data() + left)
            return refuse("LZMA: the file ends too early");
    }
    if (size != unknown_size && run.out != out_end)
        return refuse("LZMA: less data than announced");
    return static_cast<std::size_t>(run.out - out.data());
}

} // namespace rf::dom0::codec
