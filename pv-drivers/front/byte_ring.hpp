// SPDX-License-Identifier: MIT
#pragma once
/// One direction of a byte ring, as the console's and the store's pages hold them: `size` bytes and two free-running indices,
/// `produced` written by one side and `consumed` by the other.
///
/// The own index is private and only ever written to the page; the peer's is checked at each use, and an impossible one makes
/// the ring `broken()` for good. Bytes are copied, each once. Owner: one thread. Freestanding.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace rf::front {

enum class Side { producer, consumer };

template <Side side, std::uint32_t size>
class ByteRing {
public:
    static_assert((size & (size - 1)) == 0);

    constexpr ByteRing() = default;
    /// Joins the ring where the page's own index stands.
    ByteRing(char* bytes, std::uint32_t& produced, std::uint32_t& consumed)
        : bytes_(bytes), own_(side == Side::producer ? &produced : &consumed), theirs_(side == Side::producer ? &consumed : &produced),
          index_(load(*own_))
    {
    }

    [[nodiscard]] bool attached() const { return bytes_ != nullptr; }
    [[nodiscard]] bool broken() const { return broken_; }

    /// Bytes between the two indices; 0 if the ring is broken or not there.
    [[nodiscard]] std::uint32_t used()
    {
        if (bytes_ == nullptr || broken_)
            return 0;
        const std::uint32_t peer = load(*theirs_);
        const std::uint32_t distance = side == Side::producer ? index_ - peer : peer - index_;
        broken_ = distance > size;
        return broken_ ? 0 : distance;
    }

    /// Puts as many bytes as there is room for, visible after `publish`. Returns how many.
    std::size_t put(std::string_view text)
        requires(side == Side::producer)
    {
        if (bytes_ == nullptr)
            return 0;
        const std::uint32_t room = size - used();
        const std::size_t count = broken_ ? 0 : std::min<std::size_t>(text.size(), room);
        for (std::size_t i = 0; i < count; ++i)
            at(index_++) = text[i];
        return count;
    }

    /// Takes up to `room.size()` bytes out; the peer may reuse their places after `publish`. Returns how many.
    std::size_t take(std::span<char> room)
        requires(side == Side::consumer)
    {
        const std::size_t count = std::min<std::size_t>(room.size(), used());
        for (std::size_t i = 0; i < count; ++i)
            room[i] = at(index_++);
        return count;
    }

    /// Shows the own index to the peer.
    void publish()
    {
        if (bytes_ != nullptr)
            std::atomic_ref(*own_).store(index_, std::memory_order_seq_cst);
    }

private:
    static std::uint32_t load(std::uint32_t& index) { return std::atomic_ref(index).load(std::memory_order_acquire); }
    [[nodiscard]] volatile char& at(std::uint32_t index) { return bytes_[index & (size - 1)]; }

    char* bytes_ = nullptr;
    std::uint32_t* own_ = nullptr;
    std::uint32_t* theirs_ = nullptr;
    std::uint32_t index_ = 0;
    bool broken_ = false;
};

}  // namespace rf::front
