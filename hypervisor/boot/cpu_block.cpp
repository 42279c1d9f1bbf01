// SPDX-License-Identifier: MIT
#include "boot/cpu_block.hpp"

#include "cpu/block.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/syscall.hpp"
#include "mm/allocator.hpp"
#include "mm/hypervisor_space.hpp"

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
    for (std::uint64_t end = block::stack_end; end <= address_map::cpu_block_size; end += cpu::stack_size)
        reinterpret_cast<cpu::StackTop*>(base + end - sizeof(cpu::StackTop))->cpu = cpu;
    cpu::set_descriptor_page(cpu, descriptors);
    cpu::prepare_descriptors(cpu);
    Mfn const stubs = TRY(back(base + block::stubs, page_size, mm::Access::execute));
    cpu::write_syscall_stubs(cpu, direct(stubs));
    return {};
}

} // namespace rf::boot
