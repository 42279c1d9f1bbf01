// SPDX-License-Identifier: MIT
#pragma once
/// A list with room for N elements in place: firmware tables and options go here, so that their number is bounded by
/// design and reading them needs no memory.

#include <array>
#include <cstddef>

namespace rf::dev {

template <class T, std::size_t N>
class FixedVector {
public:
    /// Appends; false (and nothing changes) when the list is full.
    [[nodiscard]] constexpr bool push_back(T const& item)
    {
        if (count_ == N)
            return false;
        items_[count_++] = item;
        return true;
    }
    [[nodiscard]] constexpr std::size_t size() const { return count_; }
    [[nodiscard]] constexpr bool empty() const { return count_ == 0; }
    [[nodiscard]] static constexpr std::size_t capacity() { return N; }
    constexpr T& operator[](std::size_t index) { return items_[index]; }
    constexpr T const& operator[](std::size_t index) const { return items_[index]; }
    constexpr T* begin() { return items_.data(); }
    constexpr T* end() { return items_.data() + count_; }
    constexpr T const* begin() const { return items_.data(); }
    constexpr T const* end() const { return items_.data() + count_; }
    constexpr void clear() { count_ = 0; }

private:
    std::array<T, N> items_{};
    std::size_t count_ = 0;
};

} // namespace rf::dev
