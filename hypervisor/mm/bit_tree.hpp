// SPDX-License-Identifier: MIT
#pragma once
/// A set of numbers below a limit, one bit each, with a bit above for every 64 that are not all clear, and so on to the top:
/// the next member is found in as many steps as there are levels. Its memory is the caller's.

#include <array>
#include <bit>
#include <cstdint>

namespace rf::mm {

class BitTree {
public:
    /// Words of memory for the numbers below `limit`.
    [[nodiscard]] static constexpr std::uint64_t words(std::uint64_t limit)
    {
        std::uint64_t all = 0;
        for (std::uint64_t count = limit; count > 1 || all == 0;)
            all += count = (count + 63) / 64;
        return all;
    }

    constexpr BitTree() = default;
    /// `memory`: words(limit) of zeros.
    void attach(std::uint64_t* memory, std::uint64_t limit)
    {
        height_ = 0;
        limit_ = limit;
        for (std::uint64_t count = limit; count > 1 || height_ == 0; memory += count) {
            count = (count + 63) / 64;
            levels_[height_++] = memory;
        }
    }

    [[nodiscard]] bool contains(std::uint64_t number) const
    {
        return number < limit_ && levels_[0][number / 64] >> number % 64 & 1;
    }
    void add(std::uint64_t number)
    {
        for (unsigned level = 0; level < height_; ++level, number /= 64) {
            std::uint64_t& word = levels_[level][number / 64];
            bool const told = word != 0;
            word |= 1ull << number % 64;
            if (told)
                return;
        }
    }
    void remove(std::uint64_t number)
    {
        for (unsigned level = 0; level < height_; ++level, number /= 64)
            if (levels_[level][number / 64] &= ~(1ull << number % 64))
                return;
    }
    /// The first member that is not below `from`. There is one.
    [[nodiscard]] std::uint64_t first_from(std::uint64_t from) const
    {
        // Up to the first level that has a later neighbour, then down along the first members.
        unsigned level = 0;
        std::uint64_t word = levels_[0][from / 64] & ~0ull << from % 64;
        while (word == 0) {
            from = from / 64 + 1;
            word = levels_[++level][from / 64] & ~0ull << from % 64;
        }
        std::uint64_t number = from / 64 * 64 + static_cast<unsigned>(std::countr_zero(word));
        while (level > 0)
            number = number * 64 + static_cast<unsigned>(std::countr_zero(levels_[--level][number]));
        return number;
    }

private:
    static constexpr unsigned most_levels = 6; // 2^36 numbers
    std::array<std::uint64_t*, most_levels> levels_{};
    unsigned height_ = 0;
    std::uint64_t limit_ = 0;
};

} // namespace rf::mm
