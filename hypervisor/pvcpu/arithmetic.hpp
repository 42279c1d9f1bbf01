// SPDX-License-Identifier: MIT
#pragma once
/// What a store instruction makes of the old value in memory, and the flags that it leaves. Pure.

#include "pvcpu/decode.hpp"

namespace rf::pvcpu {

struct StoreResult {
    std::uint64_t fresh = 0;     ///< new memory contents, `size` bytes
    std::uint64_t flags = 0;     ///< RFLAGS
    bool stores = true;          ///< false: a compare failed, memory keeps its value
    bool loads_register = false; ///< `loaded` goes to the register operand
    bool loads_rax = false;      ///< `loaded` goes to rax (failed CMPXCHG)
    std::uint64_t loaded = 0;
};

/// `old`: memory contents; `operand`: the source's value; `rax`, `flags`: current register values.
[[nodiscard]] StoreResult compute_store(Instruction const& instruction, std::uint64_t old, std::uint64_t operand,
                                        std::uint64_t rax, std::uint64_t flags);

} // namespace rf::pvcpu
