// SPDX-License-Identifier: MIT
#pragma once
/// Bytes on their way to a serial line. Not locked.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace rf::dev {

class TransmitRing {
public:
    static constexpr std::uint32_t capacity = 16 * 1024;

    [[nodiscard]] bool empty() const { return waiting() == 0; }
    [[nodiscard]] std::size_t room() const { return capacity - waiting(); }
    /// There must be room.
    void put(char c) { bytes_[produced_++ % capacity] = c; }
    /// There must be room.
    void put(std::string_view text)
    {
        while (!text.empty()) {
            std::size_t const piece = std::min<std::size_t>(text.size(), capacity - produced_ % capacity);
            std::memcpy(&bytes_[produced_ % capacity], text.data(), piece);
            produced_ += static_cast<std::uint32_t>(piece);
            text.remove_prefix(piece);
        }
    }
    /// The oldest bytes, at most `most`, as far as they lie side by side; they are gone from the ring.
    [[nodiscard]] std::string_view take(std::uint32_t most)
    {
        std::uint32_t const place = consumed_ % capacity;
        std::uint32_t const count = std::min({most, waiting(), capacity - place});
        consumed_ += count;
        return {&bytes_[place], count};
    }

private:
    /// A panic empties the ring without the lock, perhaps beside another CPU: then the places may make no sense.
    [[nodiscard]] std::uint32_t waiting() const
    {
        std::uint32_t const count = produced_ - consumed_;
        return count <= capacity ? count : 0;
    }

    std::array<char, capacity> bytes_{};
    std::uint32_t produced_ = 0;
    std::uint32_t consumed_ = 0;
};

} // namespace rf::dev
