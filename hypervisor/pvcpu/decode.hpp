// SPDX-License-Identifier: MIT
#pragma once
/// A decoder for exactly the instructions that we carry out for guests: privileged ones, and stores to page tables. It
/// works on bytes that were fetched once; anything else is refused. (AMD64 manual volume 3, chapter 1.)

#include "xen/trap.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace rf::pvcpu {

/// Longest instruction.
inline constexpr std::size_t instruction_limit = 15;

enum class Operation : std::uint8_t {
    // stores to memory
    move,           ///< destination := source
    exchange,       ///< XCHG, XADD differs
    exchange_add,
    compare_exchange,
    add, bit_or, add_carry, subtract_borrow, bit_and, subtract, bit_xor, // in the order of the opcode's bits 3..5
    bit_set, bit_reset, bit_complement,
    // privileged
    clear_interrupts, set_interrupts, halt,
    read_control, write_control, read_debug, write_debug,
    clear_task_switched, invalidate_caches, invalidate_page,
    read_tsc, read_tscp, read_pmc, set_xcr, read_msr, write_msr,
    in, out, in_string, out_string,
};

/// Where the second operand comes from.
enum class Source : std::uint8_t { none, reg, immediate, dx };

enum class SegmentOverride : std::uint8_t { none, fs, gs };

struct Instruction {
    Operation operation{};
    Source source = Source::none;
    SegmentOverride segment = SegmentOverride::none;
    std::uint8_t length = 0;       ///< bytes
    std::uint8_t size = 0;         ///< of the operand: 1, 2, 4 or 8 bytes
    std::uint8_t reg = 0;          ///< register number 0..15 of ModRM.reg
    std::uint8_t rm = 0;           ///< register number 0..15 of ModRM.rm, if it names one
    bool memory = false;           ///< ModRM.rm names memory
    bool high_byte = false;        ///< reg is AH..BH (size 1 without REX)
    bool repeated = false;
    std::uint64_t immediate = 0;   ///< sign-extended
    std::uint64_t address = 0;     ///< effective address without segment base, if memory
};

/// Decodes the instruction at the start of `code`; `regs` serves address computation. Nothing: not one of ours, or cut off.
[[nodiscard]] std::optional<Instruction> decode(std::span<std::uint8_t const> code, xen::cpu_user_regs const& regs);

/// General register by number.
[[nodiscard]] inline std::uint64_t& general_register(xen::cpu_user_regs& regs, unsigned number)
{
    using Registers = xen::cpu_user_regs;
    static constexpr std::uint64_t Registers::* registers[16] = {
        &Registers::rax, &Registers::rcx, &Registers::rdx, &Registers::rbx, &Registers::rsp, &Registers::rbp,
        &Registers::rsi, &Registers::rdi, &Registers::r8,  &Registers::r9,  &Registers::r10, &Registers::r11,
        &Registers::r12, &Registers::r13, &Registers::r14, &Registers::r15};
    return regs.*registers[number & 15];
}
/// Value of the instruction's ModRM.reg operand, cut to its size.
[[nodiscard]] std::uint64_t read_register(xen::cpu_user_regs const& regs, Instruction const& instruction);
/// Stores to ModRM.reg as the processor does: 32-bit results clear the upper half, smaller ones keep the rest.
void write_register(xen::cpu_user_regs& regs, Instruction const& instruction, std::uint64_t value);
/// Merges `value` of `size` bytes into a full register by the same rule.
[[nodiscard]] std::uint64_t merged(std::uint64_t old, std::uint64_t value, unsigned size);

/// All ones in the low `size` bytes.
[[nodiscard]] constexpr std::uint64_t size_mask(unsigned size) { return size >= 8 ? ~0ull : (1ull << size * 8) - 1; }

} // namespace rf::pvcpu
