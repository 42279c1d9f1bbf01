// SPDX-License-Identifier: MIT
#pragma once
/// Translation flushes, here and on other CPUs, and the clock that tells which of them can be spared.
///
/// A request goes into the asking CPU's own slot; the asked CPUs get a bit in their mailbox and an interrupt. They answer
/// in the interrupt, or in cpu::relax() when they wait for something with interrupts off. The asking CPU waits for all
/// answers, answering its own mailbox meanwhile, so that flushes never deadlock, whatever locks are held.
///
/// Global translations: the hypervisor's pages are global, and a guest's user pages may be. "Full" flushes drop them too.

#include "base/cpu_mask.hpp"
#include "base/types.hpp"
#include "cpu/insn.hpp"

namespace rf::cpu {

/// What to forget: some pages, or everything.
struct FlushRange {
    std::uint64_t start = 0;
    std::uint64_t pages = 0; ///< 0: everything, global translations too

    [[nodiscard]] static constexpr FlushRange all() { return {}; }
    [[nodiscard]] static constexpr FlushRange page(std::uint64_t address) { return {address, 1}; }
    [[nodiscard]] static constexpr FlushRange of(std::uint64_t start, std::uint64_t pages) { return {start, pages}; }
};

/// Drops all translations of this CPU.
void flush_local();
/// Drops the translations of one page on this CPU.
void flush_page_local(std::uint64_t address);
/// Does what `range` says on this CPU; long ranges become full flushes.
void flush_local(FlushRange range);
/// Flushes on all CPUs of the set that are online, this one included if it is a member; returns when all have done it.
void flush_cpus(CpuMask cpus, FlushRange range = FlushRange::all());

/// Switches to another root; global translations stay (another table of the same domain).
inline void load_root(Mfn root) { write_cr3(root.value << page_shift); }
/// Switches to another root and drops all translations (another domain).
void load_root_and_flush(Mfn root);

/// A moment for filter_flushed_since, never 0: take it after the page-table entry was changed.
[[nodiscard]] std::uint32_t flush_clock_now();
/// The members of `cpus` that did not flush everything since `stamp` was taken: they may still use old translations.
[[nodiscard]] CpuMask filter_flushed_since(CpuMask cpus, std::uint32_t stamp);

/// CPUs that run and answer. A CPU joins when it starts its local APIC (boot).
[[nodiscard]] CpuMask online();
void set_online(CpuId cpu);

/// Does what other CPUs ask this one for; part of relax() and of the interrupt handler.
void answer_flush_requests();

} // namespace rf::cpu
