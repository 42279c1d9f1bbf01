// SPDX-License-Identifier: MIT
#include "pvcpu/mode.hpp"

#include "cpu/insn.hpp"
#include "cpu/tlb.hpp"
#include "domain/domain.hpp"
#include "pvcpu/roots.hpp"

namespace rf::pvcpu {

using domain::Vcpu;

// The guest's user mappings are global, so they survive the change of root; its kernel mappings are not, so they go.

void enter_kernel(Vcpu& vcpu)
{
    vcpu.pv.in_kernel = true;
    cpu::swap_gs();
    cpu::load_root(vcpu.pv.kernel_root);
    if (vcpu.time.needs_kernel_space()) [[unlikely]]
        vcpu.time.kernel_space_loaded(vcpu.runstate(), vcpu.domain().runstate_protocol());
}

Status enter_user(Vcpu& vcpu)
{
    if (!vcpu.pv.user_root.valid())
        return fail(Errno::einval);
    vcpu.pv.in_kernel = false;
    cpu::swap_gs();
    cpu::load_root(vcpu.pv.user_root);
    return {};
}

} // namespace rf::pvcpu
