// SPDX-License-Identifier: MIT
#pragma once
/// The one table of hypercalls: number -> handler. A number without a handler answers -ENOSYS (docs/abi.md lists why).

#include "cpu/insn.hpp"
#include "hypercall/handlers.hpp"
#include "xen/numbers.h"

#include <array>

namespace rf::hypercall {

inline constexpr unsigned table_size = 64;

/// What has no handler.
[[nodiscard]] inline Outcome unknown_hypercall(Call&) { return fail(Errno::enosys); }

/// The last entry stands for all numbers beyond the table.
[[nodiscard]] constexpr std::array<Handler, table_size + 1> make_table()
{
    std::array<Handler, table_size + 1> table;
    table.fill(unknown_hypercall);
    table[xen::HYPERVISOR_set_trap_table] = set_trap_table;
    table[xen::HYPERVISOR_mmu_update] = mmu_update;
    table[xen::HYPERVISOR_set_gdt] = set_gdt;
    table[xen::HYPERVISOR_stack_switch] = stack_switch;
    table[xen::HYPERVISOR_set_callbacks] = set_callbacks;
    table[xen::HYPERVISOR_fpu_taskswitch] = fpu_taskswitch;
    table[xen::HYPERVISOR_sched_op_compat] = sched_op_compat;
    table[xen::HYPERVISOR_platform_op] = platform_op;
    table[xen::HYPERVISOR_set_debugreg] = set_debugreg;
    table[xen::HYPERVISOR_get_debugreg] = get_debugreg;
    table[xen::HYPERVISOR_update_descriptor] = update_descriptor;
    table[xen::HYPERVISOR_memory_op] = memory_op;
    table[xen::HYPERVISOR_multicall] = multicall;
    table[xen::HYPERVISOR_update_va_mapping] = update_va_mapping;
    table[xen::HYPERVISOR_set_timer_op] = set_timer_op;
    table[xen::HYPERVISOR_xen_version] = xen_version;
    table[xen::HYPERVISOR_console_io] = console_io;
    table[xen::HYPERVISOR_grant_table_op] = grant_table_op;
    table[xen::HYPERVISOR_vm_assist] = vm_assist;
    table[xen::HYPERVISOR_update_va_mapping_otherdomain] = update_va_mapping_otherdomain;
    table[xen::HYPERVISOR_iret] = iret;
    table[xen::HYPERVISOR_vcpu_op] = vcpu_op;
    table[xen::HYPERVISOR_set_segment_base] = set_segment_base;
    table[xen::HYPERVISOR_mmuext_op] = mmuext_op;
    table[xen::HYPERVISOR_nmi_op] = nmi_op;
    table[xen::HYPERVISOR_sched_op] = sched_op;
    table[xen::HYPERVISOR_callback_op] = callback_op;
    table[xen::HYPERVISOR_event_channel_op] = event_channel_op;
    table[xen::HYPERVISOR_physdev_op] = physdev_op;
    table[xen::HYPERVISOR_sysctl] = sysctl;
    table[xen::HYPERVISOR_domctl] = domctl;
    return table;
}

inline constexpr std::array<Handler, table_size + 1> table = make_table();

[[nodiscard]] inline Handler find(std::uint64_t number) { return table[cpu::clamp_to_last(number, table_size)]; }

} // namespace rf::hypercall
