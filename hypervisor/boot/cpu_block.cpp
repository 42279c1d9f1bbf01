// SPDX-License-Identifier: MIT
#include "boot/cpu_block.hpp"

#include "cpu/block.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/guards.hpp"
#include "cpu/page_entry.hpp"
#include "cpu/syscall.hpp"
#include "mm/allocator.hpp"
#include "mm/hypervisor_space.hpp"

extern "C" {
extern char const image_start[];
extern char const text_end[];
}

namespace rf::boot {
namespace {

namespace block = cpu::block;

/// Backs `bytes` of the block with fresh frames; yields the first.
[[nodiscard]] Result<Mfn> back(std::uint64_t address, std::uint64_t bytes, mm::Access access)
{
    Mfn first;
    for (std::uint64_t done = 0; done < bytes; done += page_size) {
        Mfn const mfn = TRY(mm::allocator.allocate(0));
        TRY(mm::hypervisor_space.map(address + done, MachineAddress::of(mfn), page_size, access));
        if (!first.valid())
            first = mfn;
    }
    return first;
}

/// Maps [start, + bytes) into `view` as the hypervisor's own address space has it.
[[nodiscard]] Status show(mm::HypervisorSpace& view, std::uint64_t start, std::uint64_t bytes, mm::Access access)
{
    for (std::uint64_t at = start; at < start + bytes; at += page_size)
        if (Mfn const frame = mm::hypervisor_space.frame_of(at); frame.valid())
            TRY(view.map(at, MachineAddress::of(frame), page_size, access));
    return {};
}

/// What guests on `cpu` that are kept apart have in slot 261: code, the interrupt table, and the CPU's own block. A CPU has
/// no other secrets there than what its stacks still hold; those of others are not in it.
[[nodiscard]] Status show_doors(CpuId cpu)
{
    mm::HypervisorSpace view;
    TRY(view.create([] { return mm::allocator.allocate(0); }));
    auto const text = reinterpret_cast<std::uint64_t>(image_start);
    TRY(show(view, text, static_cast<std::uint64_t>(text_end - image_start), mm::Access::execute));
    TRY(show(view, cpu::interrupt_table(), page_size, mm::Access::read));
    std::uint64_t const base = cpu::block_of(cpu);
    TRY(show(view, base + block::stubs, page_size, mm::Access::execute));
    TRY(show(view, base + block::descriptors, address_map::cpu_block_size - block::descriptors, mm::Access::write));
    constexpr unsigned slot = cpu::page_entry::index(address_map::image, 4);
    cpu::set_view_slot(cpu, direct_as<std::uint64_t>(view.root())[slot]);
    return {};
}

} // namespace

std::uint64_t initial_stack(CpuId cpu) { return cpu::block_of(cpu) + block::stack_end - block::top_room; }

Status build_cpu_block(CpuId cpu)
{
    std::uint64_t const base = cpu::block_of(cpu);
    if (mm::hypervisor_space.frame_of(base + block::stubs).valid())
        return {};
    Mfn const descriptors = TRY(back(base + block::descriptors, page_size, mm::Access::write));
    TRY(back(base + block::private_page, page_size, mm::Access::write));
    TRY(back(base + block::stack, cpu::stack_size, mm::Access::write));
    for (std::uint64_t stack : {block::double_fault_stack, block::nmi_stack, block::machine_check_stack,
                                block::debug_stack})
        TRY(back(base + stack, block::exception_stack_size, mm::Access::write));
    for (std::uint64_t end = block::stack_end; end <= address_map::cpu_block_size; end += cpu::stack_size) {
        auto& top = *reinterpret_cast<cpu::StackTop*>(base + end - sizeof(cpu::StackTop));
        top.cpu = cpu;
        top.home_root = mm::idle_root().value << page_shift;
    }
    cpu::set_descriptor_page(cpu, descriptors);
    cpu::prepare_descriptors(cpu);
    Mfn const stubs = TRY(back(base + block::stubs, page_size, mm::Access::execute));
    cpu::write_syscall_stubs(cpu, direct(stubs));
    return cpu::guards().separates() ? show_doors(cpu) : Status{};
}

} // namespace rf::boot
