// SPDX-License-Identifier: MIT
#include "pvcpu/faults.hpp"

#include "base/log.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"
#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "pvcpu/bounce.hpp"
#include "pvcpu/control_registers.hpp"
#include "pvcpu/emulate.hpp"
#include "pvcpu/table_write.hpp"

namespace rf::pvcpu {
namespace {

namespace exception = cpu::exception;
namespace page_fault_code = cpu::page_fault_code;
using domain::Vcpu;
using Registers = xen::cpu_user_regs;

/// The error code as the guest's own page tables mean it: the processor only knows ring 3.
[[nodiscard]] std::uint32_t guest_error_code(Vcpu const& vcpu, std::uint32_t code)
{
    code &= page_fault_code::present | page_fault_code::write | page_fault_code::fetch;
    return vcpu.pv.in_kernel ? code : code | page_fault_code::user;
}

[[gnu::noinline]] void on_page_fault(Vcpu& vcpu, Registers& regs)
{
    std::uint64_t const address = cpu::read_cr2();
    std::uint32_t const code = regs.error_code;
    if (code & page_fault_code::reserved_bit)
        return vcpu.domain().crash("a page-table entry has reserved bits set");
    constexpr std::uint32_t refused_write = page_fault_code::present | page_fault_code::write;
    if (vcpu.pv.in_kernel && (code & refused_write) == refused_write && address_map::guest_range_ok(address, 8) &&
        emulate_table_write(vcpu, regs, GuestVirtual{address}) == TableWrite::done)
        return;
    deliver_page_fault(vcpu, regs, address, guest_error_code(vcpu, code));
}

/// `int n` reaches us as #GP, because no gate of ours is open to ring 3. Some QEMU versions report the wrong vector in
/// the error code, so the vector comes from the instruction.
[[nodiscard]] bool on_software_interrupt(Vcpu& vcpu, Registers& regs)
{
    constexpr std::uint8_t int_opcode = 0xcd;
    constexpr unsigned int_length = 2;
    std::uint8_t code[int_length];
    if (!guest::copy_bytes_in(code, GuestVirtual{regs.rip}, sizeof code) || code[0] != int_opcode)
        return false;
    unsigned const vector = code[1];
    unsigned const privilege = vcpu.pv.in_kernel ? 1 : 3;
    if ((vcpu.pv.traps.flags(vector) & xen::TRAP_INFO_DPL_MASK) < privilege) {
        deliver_protection_fault(vcpu, regs, vector << 3 | 2);
        return true;
    }
    regs.rip += int_length;
    deliver_trap(vcpu, regs, vector);
    return true;
}

void on_protection_fault(Vcpu& vcpu, Registers& regs)
{
    constexpr std::uint32_t from_idt = 2;
    if ((regs.error_code & from_idt) && on_software_interrupt(vcpu, regs))
        return;
    if (regs.error_code == 0) {
        switch (emulate_privileged(vcpu, regs)) {
        case Emulation::done:
            return;
        case Emulation::refused:
            break;
        }
    }
    log::debug(vcpu.domain().id(), " #GP at ", log::Hex{regs.rip}, " error ", log::Hex{regs.error_code});
    deliver_protection_fault(vcpu, regs, regs.error_code);
}

[[gnu::noinline]] void on_invalid_opcode(Vcpu& vcpu, Registers& regs)
{
    if (emulate_forced(vcpu, regs) == Emulation::done) [[likely]]
        return;
    deliver_trap(vcpu, regs, exception::invalid_opcode);
}

void on_device_not_available(Vcpu& vcpu, Registers& regs)
{
    set_task_switched(vcpu, false);
    deliver_trap(vcpu, regs, exception::device_not_available);
}

void on_debug(Vcpu& vcpu, Registers& regs)
{
    constexpr std::uint64_t causes = 0xe00f;
    vcpu.pv.debug[6] = cpu::read_debug<6>();
    cpu::write_debug<6>(vcpu.pv.debug[6] & ~causes);
    deliver_trap(vcpu, regs, exception::debug);
}

[[nodiscard]] bool has_error_code(unsigned vector)
{
    constexpr std::uint64_t with_code = 1ull << 8 | 0x1full << 10 | 1ull << 17 | 1ull << 21;
    return with_code >> vector & 1;
}

/// All but page faults and invalid opcodes.
[[gnu::noinline]] void on_other_exception(Vcpu& vcpu, Registers& regs, unsigned vector)
{
    switch (vector) {
    case exception::general_protection:
        return on_protection_fault(vcpu, regs);
    case exception::device_not_available:
        return on_device_not_available(vcpu, regs);
    case exception::debug:
        return on_debug(vcpu, regs);
    default:
        if (has_error_code(vector))
            return deliver_trap(vcpu, regs, vector, regs.error_code);
        return deliver_trap(vcpu, regs, vector);
    }
}

} // namespace

void on_exception(Vcpu& vcpu, Registers& regs)
{
    // The most frequent ones are told apart before any register is saved for the others.
    if (regs.entry_vector == exception::page_fault) [[likely]]
        return on_page_fault(vcpu, regs);
    if (regs.entry_vector == exception::invalid_opcode)
        return on_invalid_opcode(vcpu, regs);
    on_other_exception(vcpu, regs, regs.entry_vector);
}

void on_refused_return(Vcpu& vcpu, Registers& regs)
{
    log::debug(vcpu.domain().id(), " returns through a bad frame: ", log::Hex{regs.cs}, ":", log::Hex{regs.rip});
    // The frame cannot be shown to the guest as code that was interrupted; its own return instruction would fault.
    deliver_failsafe(vcpu, regs);
}

} // namespace rf::pvcpu
