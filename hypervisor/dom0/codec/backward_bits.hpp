// SPDX-License-Identifier: MIT
#pragma once
/// zstd writes some bit streams to be read from the last bit to the first; the highest 1 bit of the last byte marks the
/// beginning. Before the first bit there are zeros, as many as one asks for.

#include "dom0/codec/bytes.hpp"

#include <bit>
#include <cstddef>
#include <span>

namespace rf::dom0::codec {

class BackwardBits {
public:
    BackwardBits() = default;
    explicit BackwardBits(std::span<std::uint8_t const> bytes) : bytes_(bytes.data()), size_(bytes.size())
    {
        if (size_ == 0 || bytes[size_ - 1] == 0)
            return;
        left_ = static_cast<std::int64_t>(size_ * 8) - std::countl_zero(bytes[size_ - 1]) - 1;
        valid_ = true;
        for (std::size_t i = 0; i < size_ && i < sizeof short_; ++i)
            short_ |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    }
    /// False when the stream has no beginning mark.
    [[nodiscard]] bool valid() const { return valid_; }
    /// Bits not yet read; negative when more were read than there are.
    [[nodiscard]] std::int64_t left() const { return left_; }

    /// The next `count` <= 56 bits, the first one highest, without moving on.
    [[gnu::always_inline, nodiscard]] std::uint64_t peek(unsigned count) const
    {
        std::int64_t const first = left_ - static_cast<std::int64_t>(count);
        if (first < 0) [[unlikely]]
            return left_ <= 0 ? 0 : extract(0, static_cast<unsigned>(left_)) << -first;
        return extract(static_cast<std::uint64_t>(first), count);
    }
    [[gnu::always_inline]] void skip(unsigned count) { left_ -= static_cast<std::int64_t>(count); }
    [[gnu::always_inline]] std::uint64_t take(unsigned count)
    {
        std::uint64_t const value = peek(count);
        skip(count);
        return value;
    }

private:
    [[gnu::always_inline, nodiscard]] std::uint64_t extract(std::uint64_t first, unsigned count) const
    {
        std::uint64_t word;
        if (size_ >= sizeof word) [[likely]] {
            std::uint64_t const at = first / 8 < size_ - sizeof word ? first / 8 : size_ - sizeof word;
            word = load<std::uint64_t>(bytes_ + at) >> (first - at * 8);
        } else {
            word = short_ >> first;
        }
        return word & ((1ull << count) - 1);
    }

    std::uint8_t const* bytes_ = nullptr;
    std::size_t size_ = 0;
    std::int64_t left_ = 0;
    std::uint64_t short_ = 0; ///< the first eight bytes
    bool valid_ = false;
};

} // namespace rf::dom0::codec
