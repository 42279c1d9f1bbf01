// SPDX-License-Identifier: MIT
#pragma once
/// The one way out of the hypervisor.

#include "cpu/registers.hpp"
#include "cpu/vectors.hpp"
#include "domain/vcpu.hpp"
#include "pvcpu/bounce.hpp"
#include "pvcpu/quick_callback.hpp"

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

/// What callers of leave_quickly() left alone.
enum class Registers : std::uint8_t { callee_saved_kept, changed };

namespace detail {
template <Registers registers>
inline constexpr Return by_sysret = registers == Registers::callee_saved_kept ? Return::sysret_kept : Return::sysret;
template <Registers registers>
inline constexpr Return by_iret = registers == Registers::callee_saved_kept ? Return::iret_kept : Return::iret;

[[gnu::cold, gnu::noinline]] inline Return unlikely(Return how) { return how; }

/// An event is to be delivered first. Apart, so that those who have none need no registers for it.
template <Registers registers>
[[nodiscard, gnu::noinline]] Return leave_with_event(cpu::StackTop& top, domain::Vcpu& vcpu)
{
    if (pvcpu::call_back_quickly(vcpu, top.guest)) [[likely]]
        return is_canonical(top.guest.rcx) ? by_sysret<registers> : by_iret<registers>;
    pvcpu::deliver_events(vcpu, top.guest);
    if (top.work.load(relaxed) != 0) [[unlikely]]
        return leave();
    return may_sysret(top.guest) ? by_sysret<registers> : by_iret<registers>;
}
} // namespace detail

/// leave() on behalf of `vcpu`, which was not changed for another since it came in: mostly there is nothing to do, or an
/// event to deliver.
template <Registers registers>
[[nodiscard, gnu::always_inline]] inline Return leave_quickly(cpu::StackTop& top, domain::Vcpu& vcpu)
{
    if (vcpu.pv.failsafe_due || vcpu.pv.nmi_pending.load(relaxed) || top.work.load(relaxed) != 0) [[unlikely]]
        return leave();
    if (vcpu.events.needs_upcall())
        return detail::leave_with_event<registers>(top, vcpu);
    return may_sysret(top.guest) ? detail::by_sysret<registers> : detail::unlikely(detail::by_iret<registers>);
}

} // namespace rf::entry
