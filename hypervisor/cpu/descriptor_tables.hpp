// SPDX-License-Identifier: MIT
#pragma once
/// GDT, IDT, TSS and LDT of each CPU, and the selectors that the guest ABI fixes.
///
/// A vCPU's GDT is a window of 16 pages in its domain's area: pages 0..13 are the guest's frames, page 14 is the descriptor
/// page of the CPU that runs it. Switching vCPUs thus switches only the base; our selectors mean the same everywhere.
/// While idle the base is chosen so that the descriptor page lies at the same offset.

#include "cpu/descriptor.hpp"

namespace rf::cpu {

/// Byte offset of the hypervisor's part of every GDT.
inline constexpr std::uint64_t gdt_reserved_offset = 14 * page_size;

namespace selector {
inline constexpr std::uint16_t hypervisor_code = 0xe008;
inline constexpr std::uint16_t hypervisor_data = 0xe010;
inline constexpr std::uint16_t guest_code32 = 0xe023;
inline constexpr std::uint16_t guest_data = 0xe02b;
inline constexpr std::uint16_t guest_code64 = 0xe033;
inline constexpr std::uint16_t task_state = 0xe040;
inline constexpr std::uint16_t ldt = 0xe050;
inline constexpr std::uint16_t end = 0xe060;
} // namespace selector

/// GDTR limit: the descriptors above and nothing behind them.
inline constexpr std::uint16_t gdt_limit = selector::end - 1;

/// Exception stacks (IST slots).
namespace exception_stack {
inline constexpr unsigned double_fault = 1;
inline constexpr unsigned nmi = 2;
inline constexpr unsigned machine_check = 3;
inline constexpr unsigned debug = 4;
} // namespace exception_stack

/// Fills the IDT and loads it with a GDT good enough to report faults; first act of boot.
void load_boot_descriptors();
/// Fills this CPU's descriptor page and TSS in its block, which must be mapped. Any CPU may do it for another.
void prepare_descriptors(CpuId cpu);
/// Loads GDT, segment registers, TSS and IDT of this CPU.
void load_descriptors(CpuId cpu);
/// From now on exceptions use their own stacks; once, after the first CPU has its TSS.
void use_exception_stacks();

/// Makes the idle GDT current (no vCPU loaded).
void load_idle_gdt();
/// Makes the GDT at `base` current: a vCPU's window, in which page 14 is this CPU's descriptor page.
void load_gdt_window(std::uint64_t base);
/// Loads an LDT of `entries` descriptors at `base`; none for zero entries.
void load_ldt_window(std::uint64_t base, unsigned entries);
/// Address of the interrupt descriptor table, one page that all CPUs share.
[[nodiscard]] std::uint64_t interrupt_table();
/// The frame of a CPU's descriptor page, to be mapped as page 14 of a GDT window (writable, as the processor marks
/// TSS descriptors busy).
[[nodiscard]] Mfn descriptor_page(CpuId cpu);
/// Told by boot when it builds the block.
void set_descriptor_page(CpuId cpu, Mfn mfn);

} // namespace rf::cpu
