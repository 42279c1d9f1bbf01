// SPDX-License-Identifier: MIT
#pragma once
/// Reading and writing big-endian fields with every access checked. A reader or writer that went past its end stays failed, gives
/// zeros and writes nothing, so a parser may read a whole header and ask `ok` once. Pure.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace rf::responder {

using Bytes = std::span<const std::byte>;

class Reader {
public:
    explicit Reader(Bytes bytes) : bytes_(bytes) {}

    [[nodiscard]] bool ok() const { return ok_; }
    /// What was not read yet.
    [[nodiscard]] Bytes rest() const { return bytes_; }

    /// The next `count` bytes; none if there are fewer.
    Bytes take(std::size_t count)
    {
        if (!ok_ || count > bytes_.size()) {
            ok_ = false;
            bytes_ = {};
            return {};
        }
        const auto taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }
    std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t word() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t quad() { return number(4); }

private:
    std::uint32_t number(std::size_t bytes)
    {
        std::uint32_t value = 0;
        for (const std::byte byte : take(bytes))
            value = value << 8 | std::to_integer<std::uint32_t>(byte);
        return value;
    }

    Bytes bytes_;
    bool ok_ = true;
};

class Writer {
public:
    explicit Writer(std::span<std::byte> room) : room_(room) {}

    [[nodiscard]] bool ok() const { return ok_; }
    /// What was written.
    [[nodiscard]] std::span<std::byte> written() const { return room_.first(size_); }
    [[nodiscard]] std::size_t size() const { return size_; }

    void put(Bytes bytes)
    {
        if (!ok_ || bytes.size() > room_.size() - size_) {
            ok_ = false;
            return;
        }
        if (!bytes.empty())
            std::memcpy(room_.data() + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }
    void byte(std::uint8_t value) { number(value, 1); }
    void word(std::uint16_t value) { number(value, 2); }
    void quad(std::uint32_t value) { number(value, 4); }
    void zeros(std::size_t count)
    {
        for (; count > 0; --count)
            byte(0);
    }

private:
    void number(std::uint32_t value, std::size_t bytes)
    {
        std::byte digits[4];
        for (std::size_t i = 0; i < bytes; ++i)
            digits[i] = static_cast<std::byte>(value >> 8 * (bytes - 1 - i));
        put(Bytes{digits, bytes});
    }

    std::span<std::byte> room_;
    std::size_t size_ = 0;
    bool ok_ = true;
};

}  // namespace rf::responder
