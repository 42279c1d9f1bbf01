// SPDX-License-Identifier: MIT
#pragma once
/// Which processor and which vCPU we are. The stack tells: each CPU's stack is aligned to its size and ends in a
/// StackTop, so no segment register of the guest is needed.
///
///     stack base + stack_size  ->  +----------------------------+
///                                  | StackTop                   |  processor-local words read by entry.S
///     &StackTop.guest + offset ->  | guest: cpu_user_regs       |  TSS.RSP0 points at guest.es: a trap from the
///                                  |                            |  guest pushes ss..rip right into the structure
///                                  +----------------------------+
///                                  | hypervisor's call frames   |

#include "base/atomic.hpp"
#include "base/types.hpp"
#include "xen/trap.h"

#include <cstddef>

namespace rf::domain {
class Vcpu;
}

namespace rf::cpu {

inline constexpr std::uint64_t stack_size = 0x8000;

/// Reasons to take the slow way out to the guest; bits of StackTop::work, set by the CPU itself or by others.
enum class Work : std::uint32_t {
    schedule = 1u << 0,    ///< choose again which vCPU runs here
    timer = 1u << 1,       ///< the timer interrupt fired: run due timers
    flush = 1u << 2,       ///< TLB flush requested by another CPU
    call = 1u << 3,        ///< a function call was requested by another CPU
    reschedule_time = 1u << 4, ///< refresh the running vCPU's time page
    deferred = 1u << 5,    ///< other rooms have deferred work (see entry/work.cpp)
    events = 1u << 6, ///< another CPU made events pending: look at the exit test again
};

struct StackTop {
    xen::cpu_user_regs guest;      ///< registers of the guest while the hypervisor runs on its behalf
    domain::Vcpu* current;         ///< vCPU loaded on this CPU; null while idle
    CpuId cpu;
    Atomic<std::uint32_t> work;    ///< Work bits
    // For entry/system_calls.S:
    std::uint64_t scratch[2];      ///< registers of the guest while the short ways work
    void const* pv;                ///< domain::PvState of `current`
    void const* live_info;         ///< where the pointer to its vcpu_info is
    // For entry/guarded.S:
    std::uint64_t guest_root;      ///< CR3 while the guest ran on a view of this root; 0: it ran on the root itself
    std::uint64_t home_root;       ///< CR3 of the idle root; on all stacks
    std::uint32_t guards;          ///< guard_bit (cpu/guards.hpp)
    std::uint32_t speculation_control; ///< IA32_SPEC_CTRL while in the hypervisor
    std::uint64_t last_domain;     ///< whose vCPU ran here last (cpu/guards.hpp)
};
static_assert(sizeof(StackTop) % 16 == 8 || sizeof(StackTop) % 16 == 0);

[[nodiscard]] inline StackTop& stack_top()
{
    std::uint64_t stack_pointer;
    asm("mov %%rsp, %0" : "=r"(stack_pointer));
    return *reinterpret_cast<StackTop*>((stack_pointer | (stack_size - 1)) + 1 - sizeof(StackTop));
}

[[nodiscard]] inline CpuId current_id() { return stack_top().cpu; }
[[nodiscard]] inline domain::Vcpu* current_vcpu() { return stack_top().current; }

/// Asks this CPU to do `work` before it next returns to a guest or sleeps.
inline void raise(Work work) { stack_top().work.fetch_or(static_cast<std::uint32_t>(work), relaxed); }

/// Asks `cpu` to do `work`, with an interrupt if it is another one (implemented in cpu/ipi.cpp).
void raise_on(CpuId cpu, Work work);

/// The StackTop of any online CPU.
[[nodiscard]] StackTop& stack_top_of(CpuId cpu);

} // namespace rf::cpu
