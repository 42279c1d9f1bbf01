// SPDX-License-Identifier: MIT
#pragma once
/// What entry.S saves of interrupted code, lowest address first. The order is that of its push instructions.

#include <cstddef>
#include <cstdint>

namespace rf::runtime {

struct Registers {
    std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    /// Exception 0 ... 31, or one of Vector.
    std::uint64_t vector;
    /// 0 for exceptions without one.
    std::uint64_t error_code;
    std::uint64_t rip, cs;
    /// IF stands for the complement of the event mask.
    std::uint64_t rflags;
    std::uint64_t rsp, ss;
};

static_assert(offsetof(Registers, vector) == 15 * 8);
static_assert(sizeof(Registers) == 22 * 8);

/// Entries that are no processor exceptions.
enum Vector : std::uint64_t { vector_failsafe = 256, vector_event = 257 };

}  // namespace rf::runtime
