// SPDX-License-Identifier: MIT
#pragma once
/// The event callback on the way out of the hypervisor, in the form that is needed most: guest kernel mode was interrupted,
/// and nothing is unusual. bounce.hpp describes the frame and does the rest.

#include "base/address_map.hpp"
#include "cpu/registers.hpp"
#include "cpu/vectors.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "xen/mmu.h"

namespace rf::pvcpu {

/// Calls back for pending events of a vCPU whose upcalls are let in. False: not so simple, and nothing was done but for words
/// below the guest's stack pointer; deliver_events() must.
[[nodiscard, gnu::always_inline]] inline bool call_back_quickly(domain::Vcpu& vcpu, xen::cpu_user_regs& regs)
{
    domain::PvState const& pv = vcpu.pv;
    constexpr std::uint64_t shows_privilege = 1ull << xen::VMASST_TYPE_architectural_iopl;
    if (!pv.in_kernel || pv.event.address == 0 || (vcpu.domain().assists.load(relaxed) & shows_privilege)) [[unlikely]]
        return false;
    std::uint64_t const stack = (regs.rsp & ~15ull) - guest::interrupted_words * 8;
    // Where guests keep their kernels: above us. One comparison then, for other places the long way.
    constexpr std::uint64_t room = 0 - address_map::hypervisor_end - guest::interrupted_words * 8;
    if (stack - address_map::hypervisor_end > room) [[unlikely]]
        return false;
    std::uint64_t const flags = (regs.rflags & ~cpu::rflags::iopl) | cpu::rflags::interrupt;
    if (guest::guest_put_interrupted(stack, &regs, regs.cs & ~3u, flags) != 0) [[unlikely]]
        return false;
    vcpu.events.mask_upcalls();
    regs.rsp = stack;
    regs.ss = xen::FLAT_KERNEL_SS;
    regs.cs = xen::FLAT_KERNEL_CS;
    // The handler finds rcx and r11 on its stack; in the registers they are what SYSRET needs.
    regs.rcx = regs.rip = pv.event.address;
    regs.r11 = regs.rflags = flags & ~(cpu::rflags::ac | cpu::rflags::nt | cpu::rflags::rf | cpu::rflags::tf | cpu::rflags::vm);
    regs.entry_vector = cpu::entry_by_syscall;
    return true;
}

} // namespace rf::pvcpu
