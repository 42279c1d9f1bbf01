// SPDX-License-Identifier: MIT
#include "base/log.hpp"

#include <algorithm>

namespace rf::log {
namespace {
Sink current_sink = nullptr;
Level threshold = Level::info;
} // namespace

void Line::put(std::string_view text)
{
    std::size_t const room = sizeof buffer_ - used_;
    std::size_t const count = std::min(room, text.size());
    std::memcpy(buffer_ + used_, text.data(), count);
    used_ += count;
}

void Line::put(Hex number)
{
    char digits[18];
    std::size_t start = sizeof digits;
    do
        digits[--start] = "0123456789abcdef"[number.value & 15];
    while (number.value >>= 4);
    digits[--start] = 'x';
    digits[--start] = '0';
    put(std::string_view(digits + start, sizeof digits - start));
}

void Line::put_decimal(std::uint64_t value, bool negative)
{
    char digits[20];
    std::size_t start = sizeof digits;
    do
        digits[--start] = static_cast<char>('0' + value % 10);
    while (value /= 10);
    if (negative)
        put('-');
    put(std::string_view(digits + start, sizeof digits - start));
}

void set_sink(Sink sink) { current_sink = sink; }
void set_threshold(Level level) { threshold = level; }
bool enabled(Level level) { return current_sink && level <= threshold; }
void submit(Level level, std::string_view line) { current_sink(level, line); }

} // namespace rf::log
