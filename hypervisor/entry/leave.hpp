// SPDX-License-Identifier: MIT
#pragma once
/// The one way out of the hypervisor.

#include "cpu/registers.hpp"
#include "cpu/vectors.hpp"
#include "domain/vcpu.hpp"
#include "pvcpu/bounce.hpp"

namespace rf::entry {

/// How entry.S resumes the guest. `kept`: rbx, rbp and r12 to r15 are still what the guest left in them.
enum class Return : std::uint32_t { iret = 0, sysret = 1, iret_kept = 2, sysret_kept = 3 };

/// Does pending work, chooses who runs, delivers events; sleeps while there is nobody to run. Comes back when the guest
/// in StackTop::guest is to be resumed.
[[nodiscard]] Return leave();

/// SYSRET takes rip from rcx and rflags from r11 and cannot refuse; with an address that is not canonical it would fault
/// in ring 0, so this is looked at just before. It always loads the flat selectors: who gives a frame other ones must not
/// mark it as entered by SYSCALL.
[[nodiscard]] inline bool may_sysret(xen::cpu_user_regs const& regs)
{
    constexpr std::uint64_t needs_iret = cpu::rflags::tf | cpu::rflags::rf | cpu::rflags::vm;
    std::uint64_t const differs = (regs.rcx ^ regs.rip) | (regs.r11 ^ regs.rflags) | (regs.r11 & needs_iret);
    return differs == 0 && regs.entry_vector == cpu::entry_by_syscall && is_canonical(regs.rcx);
}

namespace detail {
[[gnu::cold, gnu::noinline]] inline Return by_iret(Return how) { return how; }
} // namespace detail

/// What callers of leave_quickly() left alone.
enum class Registers : std::uint8_t { callee_saved_kept, changed };

/// leave() on behalf of `vcpu`, which was not changed for another since it came in: mostly there is nothing to do, or an
/// event to deliver.
template <Registers registers>
[[nodiscard, gnu::always_inline]] inline Return leave_quickly(cpu::StackTop& top, domain::Vcpu& vcpu)
{
    constexpr bool kept = registers == Registers::callee_saved_kept;
    if (vcpu.pv.failsafe_due || vcpu.pv.nmi_pending.load(relaxed) || top.work.load(relaxed) != 0) [[unlikely]]
        return leave();
    if (vcpu.events.needs_upcall()) {
        pvcpu::deliver_events(vcpu, top.guest);
        if (top.work.load(relaxed) != 0) [[unlikely]]
            return leave();
    }
    if (!may_sysret(top.guest))
        return detail::by_iret(kept ? Return::iret_kept : Return::iret);
    return kept ? Return::sysret_kept : Return::sysret;
}

} // namespace rf::entry
