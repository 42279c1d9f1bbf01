// SPDX-License-Identifier: MIT
#pragma once
/// Where boot ends and serving begins.

#include "cpu/current.hpp"
#include "cpu/guards.hpp"

extern "C" {
/// Gives up the current stack contents and serves guests for ever (entry.S).
[[noreturn]] void entry_begin(rf::cpu::StackTop* top);
/// The same through the guarded doors (guarded.S).
[[noreturn]] void guarded_begin(rf::cpu::StackTop* top);
}

namespace rf::entry {

/// This CPU takes part in scheduling from now on. Interrupts are off.
[[noreturn]] inline void begin()
{
    cpu::raise(cpu::Work::schedule);
    if (cpu::guards().at_doors())
        guarded_begin(&cpu::stack_top());
    entry_begin(&cpu::stack_top());
}

} // namespace rf::entry
