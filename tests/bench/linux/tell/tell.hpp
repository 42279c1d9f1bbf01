// SPDX-License-Identifier: MIT
#pragma once
/// Telling the meter a line of text. The meter notes what was executed before the line's first and after its last byte, so
/// telling costs the measured work nothing. Without a meter nothing happens.

#include <cstdint>
#include <string_view>

#include "tell.h"

extern "C" const char tell_bytes[];

namespace rf::bench {

inline void tell_byte(char byte)
{
    const auto code = reinterpret_cast<std::uintptr_t>(tell_bytes) + TELL_SIZE * static_cast<unsigned char>(byte);
    reinterpret_cast<void (*)()>(code)();
}

/// One line, made of pieces without newlines.
template <class... Piece>
void tell(const Piece&... pieces)
{
    for (const std::string_view piece : {std::string_view(pieces)...})
        for (const char byte : piece)
            tell_byte(byte);
    tell_byte('\n');
}

}  // namespace rf::bench
