// SPDX-License-Identifier: MIT
#pragma once
/// A virtual processor: the composition of what each room keeps per vCPU. It lives as long as its domain.

#include "base/types.hpp"
#include "cpu/xstate.hpp"
#include "domain/pv_state.hpp"
#include "event/vcpu_events.hpp"
#include "mm/heap.hpp"
#include "pvmmu/root_view.hpp"
#include "sched/unit.hpp"
#include "time/vcpu_time.hpp"
#include "xen/trap.h"

namespace rf::domain {

class Domain;

class Vcpu final : public sched::Unit, public time::VcpuTime::Listener {
public:
    /// `registers` has room for its extended state (cpu::ExtendedState::room()).
    Vcpu(Domain& domain, VcpuId id, mm::Array<std::byte> registers);

    [[nodiscard]] Domain& domain() const { return domain_; }
    [[nodiscard]] VcpuId id() const { return id_; }
    /// The CPU that has the vCPU's address space loaded, or max_cpus.
    [[nodiscard]] CpuId loaded_cpu() const { return loaded_cpu_.load(acquire); }
    void set_loaded_cpu(CpuId cpu) { loaded_cpu_.store(cpu, release); }

    // time::VcpuTime::Listener
    void timer_expired() override;
    void poll_expired() override;

    /// Registers while the vCPU is not loaded on a CPU; while it is, they are in that CPU's StackTop.
    xen::cpu_user_regs saved{};
    PvState pv;         ///< the paravirtual processor: traps, callbacks, modes, segments, debug registers
    event::VcpuEvents events; ///< vcpu_info, event queues, polling
    time::VcpuTime time;      ///< timers, runstate, time page
    pvmmu::RootView kernel_view, user_view; ///< what it runs on if its domain is kept apart
    mm::Array<std::byte> registers; ///< the memory of xstate
    cpu::ExtendedState xstate;
    Atomic<bool> initialised{false}; ///< has a context (VCPUOP_initialise or setvcpucontext)

private:
    Domain& domain_;
    VcpuId id_;
    Atomic<CpuId> loaded_cpu_{max_cpus};
};

} // namespace rf::domain
