// SPDX-License-Identifier: MIT
#include "cpu/ipi.hpp"

#include "base/atomic.hpp"
#include "base/per_cpu.hpp"
#include "cpu/block.hpp"
#include "cpu/insn.hpp"
#include "cpu/local_apic.hpp"
#include "cpu/relax.hpp"
#include "cpu/tlb.hpp"
#include "cpu/vectors.hpp"

namespace rf::cpu {
namespace {

struct CallSlot {
    Atomic<std::uint64_t> callers{0};    ///< CPUs whose call this CPU has not run yet
    Atomic<std::uint64_t> unanswered{0}; ///< of the call below: who still has to run it
    CallFunction function = nullptr;
    void* argument = nullptr;
};

constinit PerCpu<CallSlot> call_slots;
constinit Atomic<bool> stop_wanted{false};
constinit Atomic<std::uint64_t> stopped{0};

void answer_calls()
{
    CallSlot& own = call_slots.local();
    if (own.callers.load(relaxed) == 0)
        return;
    CpuId const self = current_id();
    CpuMask{own.callers.exchange(0, acq_rel)}.for_each([&](CpuId cpu) {
        call_slots[cpu].function(call_slots[cpu].argument);
        call_slots[cpu].unanswered.fetch_and(~(1ull << self), release);
    });
}

} // namespace

StackTop& stack_top_of(CpuId cpu)
{
    return *reinterpret_cast<StackTop*>(block_of(cpu) + block::stack_end - sizeof(StackTop));
}

void raise_on(CpuId cpu, Work work)
{
    auto const bit = static_cast<std::uint32_t>(work);
    std::uint32_t const before = stack_top_of(cpu).work.fetch_or(bit, std::memory_order_seq_cst);
    // A bit that was set already has had its interrupt, or was set by the CPU itself inside the hypervisor.
    if (!(before & bit) && cpu != current_id())
        local_apic::send(cpu, vector::ipi);
}

void call_on(CpuMask cpus, CallFunction function, void* argument)
{
    CpuId const self = current_id();
    CpuMask const others = (cpus & online()) - CpuMask::of(self);
    CallSlot& slot = call_slots[self];
    slot.function = function;
    slot.argument = argument;
    slot.unanswered.store(others.bits(), release);
    others.for_each([&](CpuId cpu) {
        if (call_slots[cpu].callers.fetch_or(1ull << self, std::memory_order_seq_cst) == 0)
            local_apic::send(cpu, vector::ipi);
    });
    if (cpus.contains(self))
        function(argument);
    while (slot.unanswered.load(acquire) != 0) {
        answer_calls(); // the CPU that we wait for may be waiting for us
        relax();
    }
}

void on_ipi()
{
    answer_flush_requests();
    answer_calls();
}

void stop_others()
{
    CpuMask const others = online() - CpuMask::of(current_id());
    if (stop_wanted.exchange(true, acq_rel))
        return;
    others.for_each([](CpuId cpu) { local_apic::send_nmi(cpu); });
    // About a tenth of a second at usual clock rates; nothing is calibrated at the time of some panics.
    std::uint64_t const start = read_tsc();
    while ((others - CpuMask{stopped.load(acquire)}).bits() != 0 && read_tsc() - start < 300'000'000)
        pause();
}

void stop_if_asked()
{
    if (!stop_wanted.load(acquire))
        return;
    stopped.fetch_or(1ull << current_id(), release);
    for (;;) {
        disable_interrupts();
        halt();
    }
}

} // namespace rf::cpu
