// SPDX-License-Identifier: MIT
#pragma once
/// Tests on the host check everything; each thread plays one CPU.

namespace rf {

inline constexpr bool checks_on = true;

template <class T>
[[nodiscard]] T& own_object()
{
    static thread_local constinit T object;
    return object;
}

} // namespace rf
