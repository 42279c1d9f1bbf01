// SPDX-License-Identifier: MIT
#pragma once
/// The per-CPU block: 128 KiB of addresses at address_map::cpu_blocks, in four chunks of stack_size (32 KiB).
///
///     chunk 0   +0x00000  syscall stubs       read, execute
///               +0x02000  descriptor page     the hypervisor's part of the GDT (also mapped into every vCPU's GDT window)
///               +0x04000  private page        TSS
///     chunk 1   +0x08000  the stack           32 KiB, guest registers at its end
///     chunk 2   +0x11000  #DF stack, +0x15000 NMI stack     12 KiB each
///     chunk 3   +0x19000  #MC stack, +0x1d000 #DB stack     12 KiB each
///
/// Everything else is unmapped: each stack has such a guard below. Chunks 1..3 each end in a StackTop, so that
/// cpu::current_id() holds on every stack; on the exception stacks StackTop::current is null and StackTop::work unheard.

#include "base/address_map.hpp"
#include "cpu/current.hpp"

namespace rf::cpu {

namespace block {
inline constexpr std::uint64_t stubs = 0x0'0000;
inline constexpr std::uint64_t descriptors = 0x0'2000;
inline constexpr std::uint64_t private_page = 0x0'4000;
inline constexpr std::uint64_t stack = 0x0'8000;
inline constexpr std::uint64_t stack_end = stack + stack_size;
inline constexpr std::uint64_t exception_stack_size = 0x3000;
inline constexpr std::uint64_t double_fault_stack = 0x1'1000;
inline constexpr std::uint64_t nmi_stack = 0x1'5000;
inline constexpr std::uint64_t machine_check_stack = 0x1'9000;
inline constexpr std::uint64_t debug_stack = 0x1'd000;
/// Kept free at the end of stacks that end a chunk: room for StackTop, a multiple of 16.
inline constexpr std::uint64_t top_room = 288;
static_assert(sizeof(StackTop) <= top_room);
static_assert(debug_stack + exception_stack_size == address_map::cpu_block_size);
} // namespace block

[[nodiscard]] constexpr std::uint64_t block_of(CpuId cpu)
{
    return address_map::cpu_blocks + cpu * address_map::cpu_block_size;
}

} // namespace rf::cpu
