// SPDX-License-Identifier: MIT
#include "dom0/codec/fse.hpp"

#include <algorithm>

namespace rf::dom0::codec {
namespace {

/// Bits from low to high; zeros behind the end.
class ForwardBits {
public:
    explicit ForwardBits(std::span<std::uint8_t const> bytes) : bytes_(bytes) {}
    /// The next `count` <= 16 bits, without moving on.
    [[nodiscard]] unsigned peek(unsigned count) const
    {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 3; ++i)
            if (at_ / 8 + i < bytes_.size())
                value |= static_cast<std::uint32_t>(bytes_[at_ / 8 + i]) << (8 * i);
        return value >> at_ % 8 & ((1u << count) - 1);
    }
    void skip(unsigned count) { at_ += count; }
    unsigned take(unsigned count)
    {
        unsigned const value = peek(count);
        skip(count);
        return value;
    }
    [[nodiscard]] std::size_t bytes_read() const { return (at_ + 7) / 8; }

private:
    std::span<std::uint8_t const> bytes_;
    std::size_t at_ = 0;
};

} // namespace

Parsed<FseCounts> read_counts(std::span<std::uint8_t const> bytes, unsigned max_symbols, unsigned max_accuracy)
{
    ForwardBits bits(bytes);
    FseCounts counts;
    counts.accuracy = bits.take(4) + 5;
    if (counts.accuracy > max_accuracy)
        return refuse("zstd: a code of too high accuracy");

    int remaining = 1 << counts.accuracy;
    while (remaining > 0) {
        if (counts.symbols >= max_symbols)
            return refuse("zstd: a code of too many symbols");
        // Values 0 .. remaining + 1 fit in `width` bits; the lowest of them need one bit less.
        unsigned const most = static_cast<unsigned>(remaining) + 1;
        auto const width = static_cast<unsigned>(std::bit_width(most));
        unsigned const short_mask = (1u << (width - 1)) - 1;
        unsigned const short_values = (1u << width) - 1 - most;
        unsigned value = bits.peek(width);
        if ((value & short_mask) < short_values) {
            value &= short_mask;
            bits.skip(width - 1);
        } else {
            if (value > short_mask)
                value -= short_values;
            bits.skip(width);
        }
        int const count = static_cast<int>(value) - 1;
        remaining -= count < 0 ? 1 : count;
        counts.of[counts.symbols++] = static_cast<std::int16_t>(count);
        for (unsigned zeros = count == 0 ? 3 : 0; zeros == 3;) {
            zeros = bits.take(2);
            if (zeros > max_symbols - counts.symbols)
                return refuse("zstd: a code of too many symbols");
            counts.symbols += zeros; // their counts are 0 already
        }
    }
    counts.bytes_read = bits.bytes_read();
    if (remaining != 0 || counts.bytes_read > bytes.size())
        return refuse("zstd: damaged code description");
    return counts;
}

void FseTable::build(FseCounts const& counts)
{
    accuracy_ = counts.accuracy;
    unsigned const size = 1u << accuracy_;
    std::array<std::uint16_t, 256> next{};

    // Symbols less probable than one state get one each, from the end.
    unsigned top = size;
    for (unsigned symbol = 0; symbol < counts.symbols; ++symbol)
        if (counts.of[symbol] < 0) {
            states_[--top].symbol = static_cast<std::uint8_t>(symbol);
            next[symbol] = 1;
        }
    // The others are strewn over the rest.
    unsigned const step = (size >> 1) + (size >> 3) + 3;
    unsigned at = 0;
    for (unsigned symbol = 0; symbol < counts.symbols; ++symbol) {
        if (counts.of[symbol] <= 0)
            continue;
        next[symbol] = static_cast<std::uint16_t>(counts.of[symbol]);
        for (int i = 0; i < counts.of[symbol]; ++i) {
            states_[at].symbol = static_cast<std::uint8_t>(symbol);
            do
                at = (at + step) & (size - 1);
            while (at >= top);
        }
    }
    for (unsigned i = 0; i < size; ++i) {
        unsigned const number = next[states_[i].symbol]++;
        auto const bits = accuracy_ + 1 - static_cast<unsigned>(std::bit_width(number));
        states_[i].bits = static_cast<std::uint8_t>(bits);
        states_[i].base = static_cast<std::uint16_t>((number << bits) - size);
    }
}

void FseTable::build_constant(std::uint8_t symbol)
{
    accuracy_ = 0;
    states_[0] = {0, 0, symbol};
}

} // namespace rf::dom0::codec
