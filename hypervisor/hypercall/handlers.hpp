// SPDX-License-Identifier: MIT
#pragma once
/// Every hypercall handler, one per number; table.cpp binds them. One file per family implements them.

#include "hypercall/call.hpp"

namespace rf::hypercall {

// trap.cpp: the paravirtual processor
Outcome set_trap_table(Call&);
Outcome set_callbacks(Call&);
Outcome callback_op(Call&);
Outcome stack_switch(Call&);
Outcome fpu_taskswitch(Call&);
Outcome set_debugreg(Call&);
Outcome get_debugreg(Call&);
Outcome set_segment_base(Call&);
Outcome iret(Call&);
Outcome nmi_op(Call&);
// descriptor.cpp
Outcome set_gdt(Call&);
Outcome update_descriptor(Call&);
// mmu.cpp
Outcome mmu_update(Call&);
Outcome update_va_mapping(Call&);
Outcome update_va_mapping_otherdomain(Call&);
Outcome mmuext_op(Call&);
// memory.cpp
Outcome memory_op(Call&);
// multicall.cpp
Outcome multicall(Call&);
// event.cpp
Outcome event_channel_op(Call&);
// grant.cpp
Outcome grant_table_op(Call&);
// sched.cpp
Outcome sched_op(Call&);
Outcome sched_op_compat(Call&);
Outcome set_timer_op(Call&);
// vcpu.cpp
Outcome vcpu_op(Call&);
// version.cpp
Outcome xen_version(Call&);
Outcome vm_assist(Call&);
// console.cpp
Outcome console_io(Call&);
// physdev.cpp
Outcome physdev_op(Call&);
// platform.cpp
Outcome platform_op(Call&);
// domctl.cpp
Outcome domctl(Call&);
// sysctl.cpp
Outcome sysctl(Call&);

} // namespace rf::hypercall
