// SPDX-License-Identifier: MIT
#include "cpu/descriptor_tables.hpp"

#include "cpu/block.hpp"
#include "cpu/guards.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"

#include <array>
#include <cstddef>

extern "C" {
/// Addresses of the entry points of all vectors: the plain doors (entry/entry.S) and the guarded ones (entry/guarded.S).
extern std::uint64_t const entry_stubs[256];
extern std::uint64_t const guarded_stubs[256];
}

namespace rf::cpu {
namespace {

using Page = std::array<Descriptor, page_size / sizeof(Descriptor)>;

alignas(page_size) constinit std::array<Gate, 256> idt{};
alignas(page_size) constinit Page boot_descriptors{};
constinit std::array<Mfn, max_cpus> descriptor_pages{};

[[nodiscard]] constexpr std::size_t slot(std::uint16_t selector) { return (selector - gdt_reserved_offset) / 8; }

void fill(Page& page, std::uint64_t task_state)
{
    page[slot(selector::hypervisor_code)] = flat_descriptor(FlatSegment::code64, 0);
    page[slot(selector::hypervisor_data)] = flat_descriptor(FlatSegment::data, 0);
    page[slot(selector::guest_code32)] = flat_descriptor(FlatSegment::code32, 3);
    page[slot(selector::guest_data)] = flat_descriptor(FlatSegment::data, 3);
    page[slot(selector::guest_code64)] = flat_descriptor(FlatSegment::code64, 3);
    auto const tss = system_descriptor(SystemSegment::available_tss, task_state, sizeof(TaskState) - 1);
    page[slot(selector::task_state)] = tss[0];
    page[slot(selector::task_state) + 1] = tss[1];
}

[[nodiscard]] Page& page_of(CpuId cpu) { return *reinterpret_cast<Page*>(block_of(cpu) + block::descriptors); }

void load_gdt_at(std::uint64_t base) { load_gdt({.limit = gdt_limit, .base = base}); }

void load_hypervisor_segments()
{
    load_cs(selector::hypervisor_code);
    load_ss(selector::hypervisor_data);
}

void point_gates_at(std::uint64_t const (&doors)[256])
{
    // int3 and into may be raised by guests themselves; any other `int n` faults and is looked at.
    for (unsigned vector = 0; vector < idt.size(); ++vector) {
        bool const open = vector == exception::breakpoint || vector == exception::overflow;
        idt[vector] = interrupt_gate(doors[vector], selector::hypervisor_code, open ? 3 : 0, 0);
    }
}

} // namespace

void load_boot_descriptors()
{
    point_gates_at(entry_stubs);
    fill(boot_descriptors, 0);
    load_gdt_at(reinterpret_cast<std::uint64_t>(&boot_descriptors) - gdt_reserved_offset);
    load_hypervisor_segments();
    load_idt({.limit = sizeof idt - 1, .base = reinterpret_cast<std::uint64_t>(&idt)});
}

void prepare_descriptors(CpuId cpu)
{
    std::uint64_t const base = block_of(cpu);
    fill(page_of(cpu), base + block::private_page);
    auto& tss = *reinterpret_cast<TaskState*>(base + block::private_page);
    tss = TaskState{};
    // The processor pushes ss, rsp, ... below this address: right into the guest's register structure.
    tss.stack_pointer[0] = base + block::stack_end - sizeof(StackTop) + offsetof(StackTop, guest) +
                           offsetof(xen::cpu_user_regs, es);
    auto const stack_of = [&](unsigned number, std::uint64_t bottom) {
        tss.interrupt_stack[number - 1] = base + bottom + block::exception_stack_size - block::top_room;
    };
    stack_of(exception_stack::double_fault, block::double_fault_stack);
    stack_of(exception_stack::nmi, block::nmi_stack);
    stack_of(exception_stack::machine_check, block::machine_check_stack);
    stack_of(exception_stack::debug, block::debug_stack);
}

void load_descriptors(CpuId cpu)
{
    load_gdt_at(block_of(cpu) + block::descriptors - gdt_reserved_offset);
    load_hypervisor_segments();
    load_idt({.limit = sizeof idt - 1, .base = reinterpret_cast<std::uint64_t>(&idt)});
    load_ldt(0);
    load_task(selector::task_state);
}

void use_exception_stacks()
{
    auto const& doors = guards().at_doors() ? guarded_stubs : entry_stubs;
    point_gates_at(doors);
    auto const set = [&](unsigned vector, unsigned stack) {
        idt[vector] = interrupt_gate(doors[vector], selector::hypervisor_code, 0, stack);
    };
    set(exception::double_fault, exception_stack::double_fault);
    set(exception::nmi, exception_stack::nmi);
    set(exception::machine_check, exception_stack::machine_check);
    set(exception::debug, exception_stack::debug);
}

void load_idle_gdt() { load_gdt_at(block_of(current_id()) + block::descriptors - gdt_reserved_offset); }
void load_gdt_window(std::uint64_t base) { load_gdt_at(base); }

void load_ldt_window(std::uint64_t base, unsigned entries)
{
    if (entries == 0) {
        load_ldt(0);
        return;
    }
    Page& page = page_of(current_id());
    auto const descriptor = system_descriptor(SystemSegment::ldt, base, entries * 8 - 1);
    page[slot(selector::ldt)] = descriptor[0];
    page[slot(selector::ldt) + 1] = descriptor[1];
    load_ldt(selector::ldt);
}

std::uint64_t interrupt_table() { return reinterpret_cast<std::uint64_t>(&idt); }

Mfn descriptor_page(CpuId cpu) { return descriptor_pages[cpu]; }
void set_descriptor_page(CpuId cpu, Mfn mfn) { descriptor_pages[cpu] = mfn; }

} // namespace rf::cpu
