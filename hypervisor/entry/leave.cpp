// SPDX-License-Identifier: MIT
#include "entry/leave.hpp"

#include "cpu/current.hpp"
#include "cpu/insn.hpp"
#include "cpu/ipi.hpp"
#include "cpu/registers.hpp"
#include "dev/console.hpp"
#include "domain/domain.hpp"
#include "domain/teardown.hpp"
#include "domain/vcpu.hpp"
#include "pvcpu/bounce.hpp"
#include "pvcpu/mode.hpp"
#include "pvcpu/switch.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "time/timer.hpp"

namespace rf::entry {
namespace {

using domain::Vcpu;

[[nodiscard]] constexpr bool asks(std::uint32_t work, cpu::Work kind) { return work & static_cast<std::uint32_t>(kind); }

[[nodiscard]] time::LoadedSpace loaded_space(Vcpu const& vcpu)
{
    return vcpu.pv.in_kernel ? time::LoadedSpace::kernel : time::LoadedSpace::user;
}

void take_off(Vcpu& vcpu)
{
    vcpu.time.scheduled_out(vcpu.runstate(), loaded_space(vcpu), vcpu.domain().runstate_protocol());
    pvcpu::unload(vcpu);
    sched::scheduler.context_saved(vcpu);
}

void put_on(Vcpu& vcpu)
{
    pvcpu::load(vcpu);
    vcpu.time.scheduled_in(vcpu.runstate(), loaded_space(vcpu), vcpu.domain().runstate_protocol());
    cpu::stack_top().pv = &vcpu.pv;
    cpu::stack_top().live_info = &vcpu.events.info_pointer();
    pvcpu::choose_bounce(vcpu);
}

/// Asks the scheduler again and changes vCPUs if it says so.
void reschedule()
{
    auto* const next = static_cast<Vcpu*>(sched::scheduler.choose(cpu::current_id(), time::now()));
    Vcpu* const previous = cpu::current_vcpu();
    if (next == previous)
        return;
    if (previous)
        take_off(*previous);
    if (next)
        put_on(*next);
}

void do_work(std::uint32_t work)
{
    if (asks(work, cpu::Work::flush) || asks(work, cpu::Work::call))
        cpu::on_ipi();
    if (asks(work, cpu::Work::timer))
        time::run_due();
    if (asks(work, cpu::Work::deferred)) {
        domain::reap();
        dev::console::run_deferred();
    }
    if (asks(work, cpu::Work::schedule))
        reschedule();
}

/// Gives the guest what it has to hear before it goes on; at most one frame of each kind.
void deliver(Vcpu& vcpu, xen::cpu_user_regs& regs)
{
    if (vcpu.pv.failsafe_due) [[unlikely]]
        pvcpu::deliver_failsafe(vcpu, regs);
    if (vcpu.pv.nmi_pending.load(relaxed)) [[unlikely]]
        pvcpu::deliver_nmi(vcpu, regs);
    if (vcpu.events.needs_upcall())
        pvcpu::deliver_events(vcpu, regs);
}

} // namespace

Return leave()
{
    cpu::StackTop& top = cpu::stack_top();
    while (true) {
        if (std::uint32_t const work = top.work.exchange(0, acq_rel)) {
            do_work(work);
            continue;
        }
        if (!top.current) {
            cpu::wait_for_interrupt();
            continue;
        }
        deliver(*top.current, top.guest);
        if (top.work.load(relaxed) == 0)
            return may_sysret(top.guest) ? Return::sysret : Return::iret;
    }
}

} // namespace rf::entry
