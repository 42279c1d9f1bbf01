// SPDX-License-Identifier: MIT
#pragma once
/// SYSCALL and SYSENTER: the registers that steer them and the per-CPU stubs that find the stack.
///
/// SYSCALL leaves the guest's stack pointer in place, and no register is free to find ours with. So each CPU has its own
/// stub, which knows its stack relative to its own address:
///
///     mov %rsp, guest.rsp(%rip)       the guest's stack pointer goes straight into StackTop.guest
///     lea guest.rsp(%rip), %rsp       pushing continues below it: rflags, cs, rip, ...
///     jmp entry_syscall64             (entry/entry.S; the compatibility-mode stub: entry_syscall32)

#include "base/types.hpp"

#include <array>
#include <cstddef>

namespace rf::cpu {

/// Length of a stub.
inline constexpr std::size_t syscall_stub_size = 19;
/// Offset of the 64-bit and of the compatibility-mode stub in the stub page.
inline constexpr std::uint64_t syscall_stub64_offset = 0;
inline constexpr std::uint64_t syscall_stub32_offset = 64;

/// The stub's machine code for a stub at `stub`, with the guest's RSP saved at `slot` and entry code at `target`; both
/// within 2 GiB of the stub.
[[nodiscard]] constexpr std::array<std::uint8_t, syscall_stub_size> encode_syscall_stub(std::uint64_t stub,
                                                                                       std::uint64_t slot,
                                                                                       std::uint64_t target)
{
    std::array<std::uint8_t, syscall_stub_size> code{0x48, 0x89, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x25, 0, 0, 0, 0, 0xe9};
    auto const put = [&](std::size_t at, std::uint64_t distance) {
        for (std::size_t i = 0; i < 4; ++i)
            code[at + i] = static_cast<std::uint8_t>(distance >> (8 * i));
    };
    put(3, slot - (stub + 7));
    put(10, slot - (stub + 14));
    put(15, target - (stub + 19));
    return code;
}

/// Writes both stubs of `cpu` through `page`, the writable view of its stub page.
void write_syscall_stubs(CpuId cpu, std::byte* page);
/// Sets STAR, LSTAR, CSTAR, FMASK and the SYSENTER registers of this CPU.
void set_syscall_registers(CpuId cpu);

} // namespace rf::cpu
