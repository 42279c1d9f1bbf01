// SPDX-License-Identifier: MIT
#pragma once
/// Builds the hypervisor's address space, the frame table and the M2P, and hands what remains to the frame allocator.

#include "boot/boot_info.hpp"
#include "boot/early_memory.hpp"

namespace rf::boot {

/// RAM that nobody needs any more from the loader: without the first MiB, the image, and the modules.
void collect_free_memory(BootInfo const& info, EarlyMemory& memory);
/// Builds everything and switches to the final page tables. Panics when memory is too short.
void build_memory(BootInfo const& info, EarlyMemory& memory);
/// Gives memory back that boot had kept (a module that was copied, or is not needed any more): [start, start + bytes),
/// page aligned, RAM. What lies in the first MiB stays ours.
void release_boot_memory(MachineAddress start, std::uint64_t bytes);
/// Bytes of RAM on the machine, and how many of them the hypervisor holds itself since build_memory.
struct MemoryFigures {
    std::uint64_t ram_bytes;
    std::uint64_t own_bytes;
};
[[nodiscard]] MemoryFigures memory_figures();

} // namespace rf::boot
