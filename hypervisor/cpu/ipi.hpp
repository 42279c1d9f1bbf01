// SPDX-License-Identifier: MIT
#pragma once
/// Asking other CPUs to act: work bits, function calls, and the last stop. (cpu::raise_on is declared in cpu/current.hpp.)

#include "base/cpu_mask.hpp"

namespace rf::cpu {

using CallFunction = void (*)(void*);

/// Runs `function(argument)` on every online CPU of the set, this one included if it is a member, and returns when all have
/// done it. Functions run with interrupts off at a point where their CPU holds no lock. The caller must hold no lock;
/// functions must not use call_on themselves.
void call_on(CpuMask cpus, CallFunction function, void* argument);

/// The handler of vector::ipi, after the end-of-interrupt; also safe at any other time without locks: answers flush
/// requests and calls. Work bits need nothing here: they are looked at on the way out.
void on_ipi();

/// Stops all other CPUs for ever by NMI, waiting at most about a tenth of a second.
void stop_others();
/// First act of the NMI handler: does not return when this CPU is to stop.
void stop_if_asked();

} // namespace rf::cpu
