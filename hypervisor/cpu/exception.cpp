// SPDX-License-Identifier: MIT
#include "cpu/exception.hpp"

#include "base/address_map.hpp"
#include "base/log.hpp"
#include "base/panic.hpp"
#include "base/panic_hooks.hpp"
#include "cpu/current.hpp"
#include "cpu/fixup.hpp"
#include "cpu/insn.hpp"
#include "cpu/ipi.hpp"
#include "cpu/registers.hpp"

#include <array>

extern "C" {
extern char const image_start[];
extern char const text_end[];
}

namespace rf::cpu {
namespace {

using log::Hex;

constexpr std::array<char const*, 32> names{
    "divide error",  "debug",          "NMI",           "breakpoint",         "overflow",
    "bound range",   "invalid opcode", "no x87",        "double fault",       "vector 9",
    "invalid TSS",   "no segment",     "stack fault",   "general protection", "page fault",
    "vector 15",     "x87 error",      "alignment",     "machine check",      "SIMD error",
    "virtualization", "control protection", "vector 22", "vector 23",         "vector 24",
    "vector 25",     "vector 26",      "vector 27",     "vector 28",          "VMM communication",
    "security",      "vector 31"};

[[nodiscard]] bool in_text(std::uint64_t address)
{
    return address >= reinterpret_cast<std::uint64_t>(image_start) &&
           address < reinterpret_cast<std::uint64_t>(text_end);
}

/// A return address follows a call: E8 with a 32-bit distance, or FF /2 in its shorter forms.
[[nodiscard]] bool follows_call(std::uint64_t address)
{
    auto const* code = reinterpret_cast<std::uint8_t const*>(address);
    return code[-5] == 0xe8 || (code[-2] == 0xff && (code[-1] & 0x38) == 0x10) ||
           (code[-3] == 0xff && (code[-2] & 0x38) == 0x10) || (code[-6] == 0xff && (code[-5] & 0x38) == 0x10);
}

} // namespace

void dump_registers(xen::cpu_user_regs const& r)
{
    log::error("cpu ", current_id(), "  rip ", Hex{r.cs}, ":", Hex{r.rip}, "  rsp ", Hex{r.ss}, ":", Hex{r.rsp},
               "  rflags ", Hex{r.rflags});
    log::error("rax ", Hex{r.rax}, "  rbx ", Hex{r.rbx}, "  rcx ", Hex{r.rcx}, "  rdx ", Hex{r.rdx});
    log::error("rsi ", Hex{r.rsi}, "  rdi ", Hex{r.rdi}, "  rbp ", Hex{r.rbp}, "  r8  ", Hex{r.r8});
    log::error("r9  ", Hex{r.r9}, "  r10 ", Hex{r.r10}, "  r11 ", Hex{r.r11}, "  r12 ", Hex{r.r12});
    log::error("r13 ", Hex{r.r13}, "  r14 ", Hex{r.r14}, "  r15 ", Hex{r.r15});
    log::error("cr0 ", Hex{read_cr0()}, "  cr2 ", Hex{read_cr2()}, "  cr3 ", Hex{read_cr3()}, "  cr4 ", Hex{read_cr4()});
}

void dump_stack(std::uint64_t stack_pointer, std::uint64_t frame_pointer)
{
    constexpr unsigned addresses_max = 24;
    std::uint64_t const end = (stack_pointer | (stack_size - 1)) + 1 - sizeof(StackTop);
    log::error("callers (addr2line -fipe build/ringfort ADDRESS...):");
    std::uint64_t at = stack_pointer;
    unsigned found = 0;
    // Frame pointers, as long as they lead upwards on this stack.
    for (; frame_pointer >= at && frame_pointer < end - 8 && frame_pointer % 8 == 0 && found < addresses_max; ++found) {
        auto const* frame = reinterpret_cast<std::uint64_t const*>(frame_pointer);
        if (!in_text(frame[1]))
            break;
        log::error("  ", Hex{frame[1]});
        at = frame_pointer + 16;
        frame_pointer = frame[0];
    }
    // Code without frame pointers leaves only what looks like return addresses.
    for (at = (at + 7) & ~7ull; found < addresses_max && frame_pointer != 0 && at < end; at += 8) {
        std::uint64_t const word = *reinterpret_cast<std::uint64_t const*>(at);
        if (!in_text(word) || !follows_call(word))
            continue;
        log::error("  ", Hex{word}, " (maybe)");
        ++found;
    }
}

void dump_here()
{
    log::error("cpu ", current_id(), "  cr2 ", Hex{read_cr2()}, "  cr3 ", Hex{read_cr3()});
    dump_stack(stack_pointer(), reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)));
}

} // namespace rf::cpu

void on_hypervisor_exception(xen::cpu_user_regs& registers)
{
    using namespace rf;
    std::uint32_t const vector = registers.entry_vector & 0xff;
    if (std::uint64_t const landing = cpu::find_fixup(registers.rip)) {
        registers.rip = landing;
        return;
    }
    if (panic_hooks.break_locks)
        panic_hooks.break_locks(); // the console's lock may be ours
    log::error("The hypervisor met ", vector < cpu::names.size() ? cpu::names[vector] : "an unexpected interrupt",
               " (vector ", vector, ", error code ", log::Hex{registers.error_code}, ").");
    cpu::dump_registers(registers);
    cpu::dump_stack(registers.rsp, registers.rbp);
    panic_hooks.dump = nullptr; // done
    panic("exception in the hypervisor");
}
