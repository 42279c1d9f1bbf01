// SPDX-License-Identifier: MIT
#include "pvcpu/iret.hpp"

#include "cpu/registers.hpp"
#include "cpu/vectors.hpp"
#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "pvcpu/mode.hpp"

namespace rf::pvcpu {

void return_from_kernel(domain::Vcpu& vcpu, xen::cpu_user_regs& regs)
{
    xen::iret_context frame;
    if (!guest::copy_in(frame, regs.rsp)) [[unlikely]]
        return vcpu.domain().crash("its iret frame is not readable");
    if ((frame.cs & 3) == 3 && !enter_user(vcpu)) [[unlikely]]
        return vcpu.domain().crash("it returns to user mode without a user page table");

    constexpr std::uint64_t changeable = 0xcd5 | cpu::rflags::tf | cpu::rflags::df | cpu::rflags::nt | cpu::rflags::rf |
                                         cpu::rflags::ac | cpu::rflags::id;
    regs.rip = frame.rip;
    regs.cs = static_cast<std::uint16_t>(frame.cs | 3);
    regs.rflags = (frame.rflags & changeable) | cpu::rflags::interrupt | cpu::rflags::fixed;
    regs.rsp = frame.rsp;
    regs.ss = static_cast<std::uint16_t>(frame.ss | 3);
    regs.rax = frame.rax;
    bool const like_sysret = frame.flags & xen::VGCF_in_syscall;
    regs.rcx = like_sysret ? frame.rip : frame.rcx;
    regs.r11 = like_sysret ? regs.rflags : frame.r11;
    // By SYSRET where rcx and r11 allow it, as a system call's end mostly does.
    bool const flat = regs.cs == xen::FLAT_RING3_CS64 && regs.ss == xen::FLAT_RING3_SS64;
    regs.entry_vector = flat ? cpu::entry_by_syscall : 0;
    if (frame.rflags & cpu::rflags::interrupt)
        vcpu.events.unmask_upcalls();
    else
        vcpu.events.mask_upcalls();
}

} // namespace rf::pvcpu
