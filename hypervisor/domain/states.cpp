// SPDX-License-Identifier: MIT
#include "domain/states.hpp"

#include "base/log.hpp"
#include "cpu/current.hpp"
#include "cpu/ipi.hpp"
#include "cpu/tlb.hpp"
#include "dev/console.hpp"
#include "domain/domain.hpp"
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "time/timer.hpp"

#include <algorithm>

namespace rf::domain {
namespace {

using log::Hex;

constexpr char const* state_names[] = {"running", "runnable", "blocked", "offline"};

void log_registers(Vcpu const& vcpu, xen::cpu_user_regs const& regs)
{
    log::info("  ", vcpu.domain().id(), "v", vcpu.id(), vcpu.pv.in_kernel ? " kernel" : " user", " rip ", Hex{regs.rip}, " rsp ", Hex{regs.rsp},
              " rax ", Hex{regs.rax}, " rdi ", Hex{regs.rdi}, " rsi ", Hex{regs.rsi}, " entered by ", regs.entry_vector);
}

void log_vcpu(Vcpu const& vcpu)
{
    Nanoseconds const now = time::now(); // writing the lines before this one took its time
    xen::vcpu_runstate_info const account = vcpu.runstate().at(now);
    Nanoseconds const since = std::min(now, account.state_entry_time);
    bool const loaded = vcpu.loaded_cpu() < max_cpus;
    log::info(vcpu.domain().id(), "v", vcpu.id(), ": ", state_names[account.state & 3], " for ns ", now - since, " at cpu ", vcpu.cpu(),
              loaded ? ", loaded" : "", vcpu.is_blocked() ? ", sleeps" : "", vcpu.is_paused() ? ", paused" : "",
              vcpu.events.upcall_pending() ? ", event pending" : "", vcpu.events.upcall_masked() ? ", events masked" : "", ", polls ", vcpu.events.polled());
    if (Nanoseconds const deadline = vcpu.time.singleshot_deadline(); deadline != never)
        log::info("  its timer ", deadline > now ? "fires in ns " : "is overdue by ns ", deadline > now ? deadline - now : now - deadline);
    if (!loaded)
        log_registers(vcpu, vcpu.saved);
}

void log_next_timer(CpuId cpu, Nanoseconds now)
{
    Nanoseconds const next = time::earliest_deadline(cpu);
    std::uint32_t const work = cpu::stack_top_of(cpu).work.load(relaxed);
    if (next == never)
        log::info("cpu ", cpu, ": no timer, work ", Hex{work});
    else
        log::info("cpu ", cpu, next > now ? ": next timer in ns " : ": a timer is overdue by ns ", next > now ? next - now : now - next, ", work ", Hex{work});
}

/// On each CPU: the guest's registers are on its own stack.
void log_loaded(void*)
{
    if (Vcpu const* const vcpu = cpu::current_vcpu())
        log_registers(*vcpu, cpu::stack_top().guest);
}

void log_states()
{
    Nanoseconds const now = time::now();
    sched::scheduler.report(now);
    cpu::online().for_each([&](CpuId cpu) { log_next_timer(cpu, now); });
    for_each([&](Domain& domain) { domain.for_each_vcpu([&](Vcpu& vcpu) { log_vcpu(vcpu); }); });
    cpu::call_on(cpu::online(), log_loaded, nullptr);
}

} // namespace

void enable_states() { dev::console::register_key('d', "what each CPU and each vCPU does", log_states); }

} // namespace rf::domain
