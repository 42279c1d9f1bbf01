// SPDX-License-Identifier: MIT
#pragma once
/// Unaligned little-endian loads and stores. The builtin is named because a freestanding compiler calls plain memcpy.

#include <cstdint>

namespace rf::dom0::codec {

template <class T>
[[gnu::always_inline, nodiscard]] inline T load(void const* from)
{
    T value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

template <class T>
[[gnu::always_inline]] inline void store(void* to, T value)
{
    __builtin_memcpy(to, &value, sizeof value);
}

} // namespace rf::dom0::codec
