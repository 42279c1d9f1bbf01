// SPDX-License-Identifier: MIT
#pragma once
/// Where boot ends and serving begins.

#include "cpu/current.hpp"

extern "C" {
/// Gives up the current stack contents and serves guests for ever (entry.S).
[[noreturn]] void entry_begin(rf::cpu::StackTop* top);
}

namespace rf::entry {

/// This CPU takes part in scheduling from now on. Interrupts are off.
[[noreturn]] inline void begin()
{
    cpu::raise(cpu::Work::schedule);
    entry_begin(&cpu::stack_top());
}

} // namespace rf::entry
