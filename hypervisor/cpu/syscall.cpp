// SPDX-License-Identifier: MIT
#include "cpu/syscall.hpp"

#include "cpu/block.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/guards.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
// Entry points in entry/, plain and guarded.
extern char const entry_syscall64[];
extern char const entry_syscall32[];
extern char const entry_sysenter[];
extern char const guarded_syscall64[];
extern char const guarded_syscall32[];
extern char const guarded_sysenter[];
}

namespace rf::cpu {
namespace {

/// Address of a field of the guest's registers on the stack of `cpu`.
[[nodiscard]] std::uint64_t guest_field(CpuId cpu, std::size_t offset)
{
    return block_of(cpu) + block::stack_end - sizeof(StackTop) + offsetof(StackTop, guest) + offset;
}

void write_stub(CpuId cpu, std::byte* page, std::uint64_t offset, char const* target)
{
    auto const code = encode_syscall_stub(block_of(cpu) + block::stubs + offset,
                                          guest_field(cpu, offsetof(xen::cpu_user_regs, rsp)),
                                          reinterpret_cast<std::uint64_t>(target));
    std::memcpy(page + offset, code.data(), code.size());
}

} // namespace

void write_syscall_stubs(CpuId cpu, std::byte* page)
{
    std::memset(page, 0xcc, page_size);
    bool const guarded = guards().at_doors();
    write_stub(cpu, page, syscall_stub64_offset, guarded ? guarded_syscall64 : entry_syscall64);
    write_stub(cpu, page, syscall_stub32_offset, guarded ? guarded_syscall32 : entry_syscall32);
}

void set_syscall_registers(CpuId cpu)
{
    std::uint64_t const stubs = block_of(cpu) + block::stubs;
    write_msr(msr::star, static_cast<std::uint64_t>(selector::guest_code32) << 48 |
                             static_cast<std::uint64_t>(selector::hypervisor_code) << 32);
    write_msr(msr::lstar, stubs + syscall_stub64_offset);
    write_msr(msr::cstar, stubs + syscall_stub32_offset);
    write_msr(msr::fmask, rflags::tf | rflags::interrupt | rflags::df | rflags::iopl | rflags::nt | rflags::rf |
                              rflags::ac);
    // Absent or inert on some processors in long mode; then SYSENTER faults, and that is handled like any fault.
    bool const has_sysenter = write_msr_safe(msr::sysenter_cs, selector::hypervisor_code);
    if (has_sysenter) {
        write_msr(msr::sysenter_esp, guest_field(cpu, offsetof(xen::cpu_user_regs, es)));
        write_msr(msr::sysenter_eip, reinterpret_cast<std::uint64_t>(guards().at_doors() ? guarded_sysenter : entry_sysenter));
    }
}

} // namespace rf::cpu
