// SPDX-License-Identifier: MIT
#pragma once
/// Wait loops on the host yield to other threads.

#include <thread>

namespace rf::cpu {

inline void relax() { std::this_thread::yield(); }

} // namespace rf::cpu
