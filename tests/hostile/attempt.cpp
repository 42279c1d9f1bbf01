// SPDX-License-Identifier: MIT
#include <utility>

#include "world.hpp"
#include "xen/trap.h"

extern "C" int attempt_call(void (*action)(void*), void* context, std::uint64_t* place);

namespace rf::hostile {

namespace {

bool recover(runtime::Registers& registers)
{
    constexpr std::uint64_t trap_flag = 0x100, debug_vector = 1;
    const std::uint64_t stack = self().attempt_stack;
    if (registers.vector == debug_vector && stack == 0) {  // left over from a return with the trap flag set
        registers.rflags &= ~trap_flag;
        return true;
    }
    if (stack == 0) {
        // The console may be gone: without handlers, the hypervisor's log tells the registers.
        runtime::raw_hypercall(xen::HYPERVISOR_set_trap_table);
        return true;
    }
    ++self().faults;
    registers.rip = reinterpret_cast<std::uint64_t>(attempt_recover);
    registers.rsp = stack;
    registers.cs = xen::FLAT_KERNEL_CS & ~3u;  // privilege 0 stands for the guest kernel
    registers.ss = xen::FLAT_KERNEL_SS;
    registers.rflags = 0x202;
    return true;
}

}  // namespace

bool attempt(void (*action)(void*), void* context)
{
    return attempt_call(action, context, &self().attempt_stack) == 0;
}

void prepare_attempts()
{
    runtime::set_exception_hook(recover);
}

}  // namespace rf::hostile
