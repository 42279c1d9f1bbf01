// SPDX-License-Identifier: MIT
#include "cpu/tlb.hpp"

#include "base/atomic.hpp"
#include "base/per_cpu.hpp"
#include "cpu/features.hpp"
#include "cpu/flush_clock.hpp"
#include "cpu/insn.hpp"
#include "cpu/local_apic.hpp"
#include "cpu/registers.hpp"
#include "cpu/relax.hpp"
#include "cpu/vectors.hpp"

namespace rf::cpu {
namespace {

/// Beyond this many pages a full flush is cheaper than single ones, also for what it costs afterwards.
constexpr std::uint64_t single_page_limit = 32;

struct FlushSlot {
    Atomic<std::uint64_t> askers{0};   ///< CPUs whose request this CPU has not answered yet
    Atomic<std::uint64_t> unanswered{0}; ///< of the request below: who still has to act
    FlushRange request;                ///< stable while `unanswered` is not empty
    Atomic<std::uint64_t> flushed{1};  ///< moment at which the last full flush began
};

constinit PerCpu<FlushSlot> flush_slots;
/// Ticks with each full flush. Starts above the stamp of frames that were never used.
constinit Atomic<std::uint64_t> flush_clock{1};
constinit Atomic<std::uint64_t> online_cpus{0};

void drop_everything()
{
    Features const& f = host();
    if (f.invpcid) {
        invalidate_all_contexts();
    } else if (f.global_pages) {
        std::uint64_t const value = read_cr4();
        write_cr4(value & ~cr4::pge);
        write_cr4(value | cr4::pge);
    } else {
        write_cr3(read_cr3());
    }
}

/// The flush must begin after its moment was taken, and be recorded after it is done.
[[nodiscard]] std::uint64_t tick() { return flush_clock.fetch_add(1, ordered) + 1; }

} // namespace

void flush_local()
{
    std::uint64_t const moment = tick();
    drop_everything();
    flush_slots.local().flushed.store(moment, release);
}

void flush_page_local(std::uint64_t address) { invalidate_page(address); }

void flush_local(FlushRange range)
{
    if (range.pages == 0 || range.pages > single_page_limit) {
        flush_local();
        return;
    }
    for (std::uint64_t i = 0; i < range.pages; ++i)
        invalidate_page(range.start + i * page_size);
}

void load_root_and_flush(Mfn root)
{
    std::uint64_t const moment = tick();
    if (host().global_pages) {
        std::uint64_t const value = read_cr4();
        write_cr4(value & ~cr4::pge);
        write_cr3(root.value << page_shift);
        write_cr4(value | cr4::pge);
    } else {
        write_cr3(root.value << page_shift);
    }
    flush_slots.local().flushed.store(moment, release);
}

void flush_cpus(CpuMask cpus, FlushRange range)
{
    CpuId const self = current_id();
    CpuMask const others = (cpus & online()) - CpuMask::of(self);
    if (others.empty()) [[likely]] {
        if (cpus.contains(self))
            flush_local(range);
        return;
    }
    FlushSlot& slot = flush_slots[self];
    slot.request = range;
    slot.unanswered.store(others.bits(), release);
    others.for_each([&](CpuId cpu) {
        // One interrupt is enough for all that ask before it is answered.
        if (flush_slots[cpu].askers.fetch_or(1ull << self, ordered) == 0)
            local_apic::send(cpu, vector::ipi);
    });
    if (cpus.contains(self))
        flush_local(range);
    while (slot.unanswered.load(acquire) != 0)
        relax();
}

void answer_flush_requests()
{
    FlushSlot& own = flush_slots.local();
    if (own.askers.load(relaxed) == 0)
        return;
    CpuId const self = current_id();
    CpuMask const askers{own.askers.exchange(0, acq_rel)};
    askers.for_each([&](CpuId cpu) {
        flush_local(flush_slots[cpu].request);
        flush_slots[cpu].unanswered.fetch_and(~(1ull << self), release);
    });
}

void relax()
{
    answer_flush_requests();
    pause();
}

std::uint32_t flush_clock_now()
{
    // The caller's change of a page-table entry must be visible before the clock is read: a flush that takes its moment
    // later then really drops the old entry.
    std::atomic_thread_fence(ordered);
    std::uint64_t moment = flush_clock.load(ordered);
    if (stamp_of(moment) == 0) [[unlikely]]
        moment = tick(); // a later one, of which a stamp is left
    return stamp_of(moment);
}

CpuMask filter_flushed_since(CpuMask cpus, std::uint32_t stamp)
{
    std::uint64_t const now = flush_clock.load(acquire);
    CpuMask stale;
    cpus.for_each([&](CpuId cpu) {
        if (!flushed_since(flush_slots[cpu].flushed.load(acquire), stamp, now))
            stale.add(cpu);
    });
    return stale;
}

CpuMask online() { return CpuMask{online_cpus.load(acquire)}; }
void set_online(CpuId cpu) { online_cpus.fetch_or(1ull << cpu, acq_rel); }

} // namespace rf::cpu
