// SPDX-License-Identifier: MIT
#pragma once
/// Writable page tables: a guest kernel's plain store to a level-1 table, which is mapped read-only, is carried out as a
/// checked update (vm_assist writable_pagetables).

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

enum class TableWrite : std::uint8_t {
    done,     ///< carried out; rip is behind the instruction
    not_ours, ///< no such store: the page fault is the guest's
};

/// Tries to carry out the instruction at regs.rip, which faulted writing at `address`. An entry that is not admissible
/// makes the fault the guest's, as on a machine without write access.
[[nodiscard]] TableWrite emulate_table_write(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, GuestVirtual address);

} // namespace rf::pvcpu
