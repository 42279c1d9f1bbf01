// SPDX-License-Identifier: MIT
#pragma once
/// How the hypervisor branches to an address in a register (cpu/branch_thunks.S).

#include "cpu/guards.hpp"

#include <array>

namespace rf::boot {

/// One thunk for each general register, in the processor's order, each of so many bytes.
inline constexpr unsigned branch_thunks = 16;
inline constexpr unsigned branch_thunk_bytes = 32;

/// What is written over the first bytes of a register's thunk; `size` 0: nothing.
struct BranchBytes {
    std::array<std::uint8_t, 8> bytes{};
    unsigned size = 0;
};
[[nodiscard]] constexpr BranchBytes branch_bytes(cpu::IndirectBranch how, unsigned reg)
{
    BranchBytes code;
    auto const put = [&code](auto... bytes) { ((code.bytes[code.size++] = static_cast<std::uint8_t>(bytes)), ...); };
    if (how == cpu::IndirectBranch::by_return)
        return code;
    if (how == cpu::IndirectBranch::behind_fence)
        put(0x0f, 0xae, 0xe8); // lfence
    if (reg >= 8)
        put(0x41);
    put(0xff, 0xe0 | (reg & 7)); // jmp *%reg
    put(0xcc);                   // nothing is run ahead of it
    return code;
}

/// Makes all thunks branch like that. Once, on the first processor, before the image's final mapping.
void set_branch_thunks(cpu::IndirectBranch how);

} // namespace rf::boot
