// SPDX-License-Identifier: MIT
#pragma once
/// Bytes on their way to a serial line. Not locked.

#include <array>
#include <cstddef>
#include <cstdint>

namespace rf::dev {

class TransmitRing {
public:
    static constexpr std::uint32_t capacity = 16 * 1024;

    [[nodiscard]] bool empty() const { return waiting() == 0; }
    [[nodiscard]] std::size_t room() const { return capacity - waiting(); }
    /// There must be room.
    void put(char c) { bytes_[produced_++ % capacity] = c; }
    /// There must be a byte.
    [[nodiscard]] char take() { return bytes_[consumed_++ % capacity]; }

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
