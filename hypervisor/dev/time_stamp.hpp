// SPDX-License-Identifier: MIT
#pragma once
/// The beginning of a log line: `(RF) [    1.234567] `, or `(RF) ` without time.

#include "base/types.hpp"

#include <string_view>

namespace rf::dev {

class TimeStamp {
public:
    /// `now`: nanoseconds since start.
    TimeStamp(Nanoseconds now, bool with_time)
    {
        put("(RF) ");
        if (!with_time)
            return;
        put("[");
        put_number(now / 1'000'000'000, 5, ' ');
        put(".");
        put_number(now / 1'000 % 1'000'000, 6, '0');
        put("] ");
    }
    [[nodiscard]] std::string_view text() const { return {buffer_, used_}; }

private:
    void put(std::string_view text)
    {
        for (char const c : text)
            buffer_[used_++] = c;
    }
    void put_number(std::uint64_t value, unsigned width, char fill)
    {
        char digits[20];
        unsigned count = 0;
        do
            digits[count++] = static_cast<char>('0' + value % 10);
        while (value /= 10);
        for (unsigned i = count; i < width; ++i)
            buffer_[used_++] = fill;
        while (count)
            buffer_[used_++] = digits[--count];
    }
    char buffer_[48]; ///< the longest stamp: 5 + 1 + 20 + 1 + 6 + 2 characters
    std::size_t used_ = 0;
};

} // namespace rf::dev
