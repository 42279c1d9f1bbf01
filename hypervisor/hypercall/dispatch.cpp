// SPDX-License-Identifier: MIT
#include "hypercall/dispatch.hpp"

#include "hypercall/table.hpp"

namespace rf::hypercall {
namespace {

constexpr unsigned syscall_length = 2;

void continue_later(xen::cpu_user_regs& regs, Arguments const& next)
{
    regs.rdi = next[0];
    regs.rsi = next[1];
    regs.rdx = next[2];
    regs.r10 = next[3];
    regs.r8 = next[4];
    regs.r9 = next[5];
    regs.rip -= syscall_length; // rax still holds the number
}

} // namespace

void dispatch(domain::Vcpu& vcpu, xen::cpu_user_regs& regs)
{
    Handler const handler = find(regs.rax);
    if (!handler) {
        regs.rax = static_cast<std::uint64_t>(to_guest(Errno::enosys));
        return;
    }
    Call call{vcpu, vcpu.domain(), {regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9}, false};
    Outcome const outcome = handler(call);
    if (outcome.is_replaced())
        return;
    if (outcome.is_again())
        continue_later(regs, outcome.next_arguments());
    else
        regs.rax = static_cast<std::uint64_t>(outcome.result());
}

} // namespace rf::hypercall
