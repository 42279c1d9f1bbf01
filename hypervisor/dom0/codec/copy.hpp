// SPDX-License-Identifier: MIT
#pragma once
/// The copy at the heart of every dictionary coder: from `distance` bytes back in the output to its end, where source and
/// target may overlap.

#include "dom0/codec/bytes.hpp"

namespace rf::dom0::codec {

/// How a short distance is repeated within one word: the word's first `distance` bytes times `repeat`, advancing by the
/// largest multiple of the distance that fits.
struct ShortDistance {
    std::uint64_t mask;
    std::uint64_t repeat;
    std::uint64_t advance;
};
inline constexpr ShortDistance short_distances[8] = {
    {},
    {0xff, 0x0101'0101'0101'0101, 8},
    {0xffff, 0x0001'0001'0001'0001, 8},
    {0xff'ffff, 0x0001'0000'0100'0001, 6},
    {0xffff'ffff, 0x0000'0001'0000'0001, 8},
    {0xff'ffff'ffff, 0x0000'0100'0000'0001, 5},
    {0xffff'ffff'ffff, 0x0001'0000'0000'0001, 6},
    {0xff'ffff'ffff'ffff, 0x0100'0000'0000'0001, 7},
};

/// Writes `length` bytes at `out`, each equal to the one `distance` bytes before it. 1 <= distance <= bytes before `out`,
/// 1 <= length <= end - out. May write up to 7 further bytes, but never at or behind `end`.
[[gnu::always_inline]] inline void copy_match(std::uint8_t* out, std::uint64_t distance, std::uint64_t length,
                                              std::uint8_t const* end)
{
    constexpr std::uint64_t step = sizeof(std::uint64_t);
    std::uint8_t const* from = out - distance;
    std::uint8_t* const last = out + length;
    if (static_cast<std::uint64_t>(end - out) < length + step) [[unlikely]] {
        while (out < last)
            *out++ = *from++;
        return;
    }
    auto word = load<std::uint64_t>(from);
    std::uint64_t advance = step;
    if (distance < step) {
        ShortDistance const& pattern = short_distances[distance];
        word = (word & pattern.mask) * pattern.repeat;
        advance = pattern.advance;
        from = out;
    } else {
        from += step;
    }
    store(out, word);
    for (out += advance; out < last; out += advance, from += advance)
        store(out, load<std::uint64_t>(from));
}

} // namespace rf::dom0::codec
