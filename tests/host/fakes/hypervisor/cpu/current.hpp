// SPDX-License-Identifier: MIT
#pragma once
/// Processors on the host: each thread says which one it plays.

#include "base/atomic.hpp"
#include "base/types.hpp"
#include "xen/trap.h"

#include <array>

namespace rf::domain {
class Vcpu;
}

namespace rf::cpu {

enum class Work : std::uint32_t {
    schedule = 1u << 0,
    timer = 1u << 1,
    flush = 1u << 2,
    call = 1u << 3,
    reschedule_time = 1u << 4,
    deferred = 1u << 5,
    events = 1u << 6, ///< another CPU made events pending: look at the exit test again
};

struct StackTop {
    xen::cpu_user_regs guest{};
    domain::Vcpu* current = nullptr;
    CpuId cpu = 0;
    Atomic<std::uint32_t> work{0};
};

inline std::array<StackTop, max_cpus> fake_stack_tops{};
inline thread_local CpuId fake_cpu = 0;

[[nodiscard]] inline StackTop& stack_top_of(CpuId cpu) { return fake_stack_tops[cpu]; }
[[nodiscard]] inline StackTop& stack_top() { return fake_stack_tops[fake_cpu]; }
[[nodiscard]] inline CpuId current_id() { return fake_cpu; }
[[nodiscard]] inline domain::Vcpu* current_vcpu() { return stack_top().current; }
inline void raise(Work work) { stack_top().work.fetch_or(static_cast<std::uint32_t>(work)); }
inline void raise_on(CpuId cpu, Work work) { stack_top_of(cpu).work.fetch_or(static_cast<std::uint32_t>(work)); }

} // namespace rf::cpu
