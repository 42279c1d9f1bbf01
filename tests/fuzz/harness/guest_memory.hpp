// SPDX-License-Identifier: MIT
#pragma once
/// What hypercalls under fuzzing may reach of guest memory: one arena with a hole behind it; copies into the hole
/// fault where it begins. Memory of the fuzzer itself is reachable unless `only_arena` is set, which must be so while a hypercall
/// runs whose arguments the input made up. Below 64 KiB everything faults.

#include <array>
#include <cstddef>
#include <cstdint>

namespace rf::fuzz {

struct GuestMemory {
    static constexpr std::size_t bytes = 4096, hole = 4096;

    alignas(4096) std::array<std::byte, bytes + hole> arena{};
    bool only_arena = false;
    unsigned fault_after = 0; ///< the n-th copy from now on faults, once; 0: none

    [[nodiscard]] std::uint64_t address(std::size_t offset = 0) const
    {
        return reinterpret_cast<std::uint64_t>(arena.data()) + offset;
    }
};

extern GuestMemory guest_memory;

} // namespace rf::fuzz
