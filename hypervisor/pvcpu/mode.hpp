// SPDX-License-Identifier: MIT
#pragma once
/// Guest kernel mode and guest user mode: both run in ring 3; they differ in page tables, GS base and rights. The guest's
/// user mappings are global, so they survive the change of root; its kernel mappings are not, so they go.

#include "base/address_map.hpp"
#include "cpu/insn.hpp"
#include "cpu/tlb.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "xen/mmu.h"

namespace rf::pvcpu {

/// Decides whether system calls of the vCPU's user mode may take the short way: its handler's address is fit for SYSRET and
/// masks events, its kernel stack lies where guests keep theirs, its frames show no IOPL, and no guest area waits for the
/// kernel's address space. Called whenever one of these changes for the calling vCPU, and when a vCPU is put on a CPU
/// (only the IOPL assist can change under a running vCPU of a domain with several; it then counts from the next time on).
inline void choose_bounce(domain::Vcpu& vcpu)
{
    domain::PvState& pv = vcpu.pv;
    bool const shows_privilege =
        pv.io_privilege != 0 && (vcpu.domain().assists.load(relaxed) >> xen::VMASST_TYPE_architectural_iopl & 1);
    pv.quick_bounce = pv.syscall.address != 0 && is_canonical(pv.syscall.address) && pv.syscall.masks_events &&
                      pv.kernel_stack >= address_map::hypervisor_end + page_size && !shows_privilege &&
                      !vcpu.time.needs_kernel_space();
}

/// User -> kernel: kernel root, kernel GS base. Writes the guest areas that waited for the kernel's address space.
inline void enter_kernel(domain::Vcpu& vcpu)
{
    vcpu.pv.in_kernel = true;
    cpu::swap_gs();
    cpu::load_root(vcpu.pv.kernel_root);
    if (vcpu.time.needs_kernel_space()) [[unlikely]] {
        vcpu.time.kernel_space_loaded(vcpu.runstate(), vcpu.domain().runstate_protocol());
        choose_bounce(vcpu);
    }
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
