// SPDX-License-Identifier: MIT
#pragma once
/// Reads a byte sequence front to back; reading behind the end yields zeros and is remembered.

#include "dom0/codec/bytes.hpp"

#include <cstddef>
#include <span>

namespace rf::dom0::codec {

class Reader {
public:
    explicit Reader(std::span<std::uint8_t const> bytes) : bytes_(bytes) {}

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
    /// True once more was asked for than there was.
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::uint8_t const* here() const { return bytes_.data() + at_; }

    /// A little-endian number.
    template <class T>
    T take()
    {
        T value{};
        if (left() < sizeof(T)) {
            failed_ = true;
            at_ = bytes_.size();
        } else {
            value = load<T>(here());
            at_ += sizeof(T);
        }
        return value;
    }
    std::uint8_t byte() { return take<std::uint8_t>(); }
    /// The next `count` bytes; empty when there are fewer.
    std::span<std::uint8_t const> take_bytes(std::size_t count)
    {
        if (left() < count) {
            failed_ = true;
            at_ = bytes_.size();
            return {};
        }
        auto const taken = bytes_.subspan(at_, count);
        at_ += count;
        return taken;
    }
    void skip(std::size_t count) { static_cast<void>(take_bytes(count)); }

private:
    std::span<std::uint8_t const> bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

} // namespace rf::dom0::codec
