// SPDX-License-Identifier: MIT
#pragma once
/// Guest kernel mode and guest user mode: both run in ring 3; they differ in page tables, GS base and rights. The guest's
/// user mappings are global, so they survive the change of root; its kernel mappings are not, so they go.

#include "cpu/insn.hpp"
#include "cpu/tlb.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// User -> kernel: kernel root, kernel GS base. Writes the guest areas that waited for the kernel's address space.
inline void enter_kernel(domain::Vcpu& vcpu)
{
    vcpu.pv.in_kernel = true;
    cpu::swap_gs();
    cpu::load_root(vcpu.pv.kernel_root);
    if (vcpu.time.needs_kernel_space()) [[unlikely]]
        vcpu.time.kernel_space_loaded(vcpu.runstate(), vcpu.domain().runstate_protocol());
}

/// Kernel -> user. Errno::einval: no user root.
[[nodiscard]] inline Status enter_user(domain::Vcpu& vcpu)
{
    if (!vcpu.pv.user_root.valid()) [[unlikely]]
        return fail(Errno::einval);
    vcpu.pv.in_kernel = false;
    cpu::swap_gs();
    cpu::load_root(vcpu.pv.user_root);
    return {};
}

} // namespace rf::pvcpu
