// SPDX-License-Identifier: MIT
#pragma once
/// Text of numbers, without allocation and without the C library.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rf::front {

/// A number to be written as 0x and 16 digits.
struct Hex {
    std::uint64_t value;
};

/// A number with leading zeros up to `width` digits (at most 20).
struct Padded {
    std::uint64_t value;
    unsigned width;
};

/// Holds the digits of one number.
class Digits {
public:
    explicit Digits(Padded number);
    explicit Digits(Hex number);

    [[nodiscard]] std::string_view view() const { return {text_ + begin_, sizeof text_ - begin_}; }

private:
    char text_[20];
    unsigned begin_ = sizeof text_;
};

/// Gives `sink` the pieces of one argument of print.
template <class Sink>
void write_piece(Sink& sink, std::string_view text)
{
    sink.write(text);
}

template <class Sink>
void write_piece(Sink& sink, Hex number)
{
    sink.write(Digits{number}.view());
}

template <class Sink>
void write_piece(Sink& sink, Padded number)
{
    sink.write(Digits{number}.view());
}

template <class Sink, std::integral Number>
void write_piece(Sink& sink, Number number)
{
    auto magnitude = static_cast<std::uint64_t>(number);
    if constexpr (std::signed_integral<Number>)
        if (number < 0) {
            sink.write("-");
            magnitude = 0 - magnitude;
        }
    sink.write(Digits{Padded{magnitude, 1}}.view());
}

/// A short composed text. What does not fit is cut off and told by `fits`.
template <std::size_t capacity>
class ShortText {
public:
    template <class... Pieces>
    constexpr explicit ShortText(Pieces... pieces)
    {
        (write_piece(*this, pieces), ...);
    }

    void write(std::string_view text)
    {
        for (const char byte : text) {
            if (size_ == capacity) {
                fits_ = false;
                return;
            }
            text_[size_++] = byte;
        }
    }

    [[nodiscard]] std::string_view view() const { return {text_, size_}; }
    [[nodiscard]] bool fits() const { return fits_; }

private:
    char text_[capacity] = {};
    std::size_t size_ = 0;
    bool fits_ = true;
};

/// The decimal number that fills `text`; nothing if it is empty, too large or holds anything else.
[[nodiscard]] constexpr std::optional<std::uint64_t> decimal_number(std::string_view text)
{
    std::uint64_t value = 0;
    for (const char byte : text) {
        if (byte < '0' || byte > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, static_cast<std::uint64_t>(byte - '0'), &value))
            return std::nullopt;
    }
    return text.empty() ? std::nullopt : std::optional(value);
}

}  // namespace rf::front
