// SPDX-License-Identifier: MIT
#include "front/text.hpp"

namespace rf::front {

Digits::Digits(Padded number)
{
    do {
        text_[--begin_] = static_cast<char>('0' + number.value % 10);
        number.value /= 10;
    } while (begin_ > 0 && (number.value != 0 || sizeof text_ - begin_ < number.width));
}

Digits::Digits(Hex number)
{
    for (unsigned digit = 0; digit < 16; ++digit, number.value >>= 4)
        text_[--begin_] = "0123456789abcdef"[number.value & 15];
    text_[--begin_] = 'x';
    text_[--begin_] = '0';
}

}  // namespace rf::front
