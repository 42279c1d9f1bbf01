// SPDX-License-Identifier: MIT
#include "pvcpu/emulate.hpp"

#include "base/log.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"
#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "pvcpu/bounce.hpp"
#include "pvcpu/control_registers.hpp"
#include "pvcpu/cpuid_policy.hpp"
#include "pvcpu/debug_registers.hpp"
#include "pvcpu/decode.hpp"
#include "pvcpu/msr.hpp"
#include "pvcpu/port_io.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/tables.hpp"

#include <cstring>

namespace rf::pvcpu {
namespace {

using domain::Vcpu;
using Registers = xen::cpu_user_regs;

[[nodiscard]] std::uint64_t pair(std::uint64_t high, std::uint64_t low)
{
    return high << 32 | (low & 0xffff'ffff);
}

void store_pair(Registers& regs, std::uint64_t value)
{
    regs.rax = value & 0xffff'ffff;
    regs.rdx = value >> 32;
}

[[nodiscard]] Result<std::uint64_t> read_control(Vcpu const& vcpu, unsigned number)
{
    switch (number) {
    case 0: return visible_cr0(vcpu);
    case 2: return shared(const_cast<Vcpu&>(vcpu).events.info().arch.cr2).load(relaxed);
    case 3: return xen::xen_pfn_to_cr3(vcpu.pv.kernel_root.value);
    case 4: return visible_cr4(vcpu);
    default: return fail(Errno::einval);
    }
}

[[nodiscard]] Result<Progress> write_control(Vcpu& vcpu, unsigned number, std::uint64_t value)
{
    switch (number) {
    case 0: TRY(write_cr0(vcpu, value)); return Progress::done;
    case 2: shared(vcpu.events.info().arch.cr2).store(value, relaxed); return Progress::done;
    case 3: {
        Budget budget{pvmmu::units_per_segment};
        return set_kernel_root(vcpu, Mfn{xen::xen_cr3_to_pfn(value)}, budget);
    }
    case 4: write_cr4(vcpu, value); return Progress::done;
    default: return fail(Errno::einval);
    }
}

/// A register that the policy does not know. Before the guest can handle #GP at all, reads of registers that the machine
/// has yield zero: early boot code must survive them.
[[nodiscard]] Result<std::uint64_t> read_register_early(Vcpu const& vcpu, std::uint32_t number)
{
    std::uint64_t ignored;
    if (vcpu.pv.traps.address(cpu::exception::general_protection) == 0 && cpu::read_msr_safe(number, ignored))
        return 0ull;
    return fail(Errno::eperm);
}

[[nodiscard]] Status execute_msr(Vcpu& vcpu, Registers& regs, Operation operation)
{
    auto const number = static_cast<std::uint32_t>(regs.rcx);
    if (operation == Operation::write_msr) {
        Status const written = write_msr(vcpu, number, pair(regs.rdx, regs.rax));
        if (!written)
            log::debug(vcpu.domain().id(), " may not write MSR ", log::Hex{number});
        return written;
    }
    auto value = read_msr(vcpu, number);
    if (!value)
        value = read_register_early(vcpu, number);
    if (!value)
        log::debug(vcpu.domain().id(), " may not read MSR ", log::Hex{number});
    store_pair(regs, TRY(value));
    return {};
}

/// Progress::more leaves rip on the instruction.
[[nodiscard]] Result<Progress> execute(Vcpu& vcpu, Registers& regs, Instruction const& instruction)
{
    switch (instruction.operation) {
    case Operation::clear_interrupts:
    case Operation::set_interrupts: // interrupts are the upcall mask; tolerated where ports are
        if (vcpu.pv.io_privilege == 0)
            return fail(Errno::eperm);
        return Progress::done;
    case Operation::read_control:
        general_register(regs, instruction.rm) = TRY(read_control(vcpu, instruction.reg));
        return Progress::done;
    case Operation::write_control:
        return write_control(vcpu, instruction.reg, general_register(regs, instruction.rm));
    case Operation::read_debug:
        general_register(regs, instruction.rm) = TRY(get_debug_register(vcpu, instruction.reg));
        return Progress::done;
    case Operation::write_debug:
        TRY(set_debug_register(vcpu, instruction.reg, general_register(regs, instruction.rm)));
        return Progress::done;
    case Operation::clear_task_switched:
        set_task_switched(vcpu, false);
        return Progress::done;
    case Operation::invalidate_caches:
        if (vcpu.domain().rights().drives_devices())
            cpu::write_back_and_invalidate();
        return Progress::done;
    case Operation::invalidate_page:
        cpu::invalidate_page(instruction.address);
        return Progress::done;
    case Operation::read_tscp:
        regs.rcx = TRY(read_msr(vcpu, cpu::msr::tsc_aux));
        [[fallthrough]];
    case Operation::read_tsc:
        store_pair(regs, cpu::read_tsc());
        return Progress::done;
    case Operation::set_xcr:
        if (static_cast<std::uint32_t>(regs.rcx) != 0)
            return fail(Errno::einval);
        TRY(vcpu.xstate.set_xcr0(pair(regs.rdx, regs.rax)));
        cpu::write_xcr0(vcpu.xstate.xcr0());
        return Progress::done;
    case Operation::read_msr:
    case Operation::write_msr:
        TRY(execute_msr(vcpu, regs, instruction.operation));
        return Progress::done;
    default:
        return fail(Errno::eperm);
    }
}

[[nodiscard]] bool is_port_access(Operation operation)
{
    return operation == Operation::in || operation == Operation::out || operation == Operation::in_string ||
           operation == Operation::out_string;
}

[[nodiscard]] Emulation emulate_ports(Vcpu& vcpu, Registers& regs, Instruction const& instruction)
{
    PortOutcome const outcome = access_ports(vcpu, regs, instruction);
    if (outcome.access == PortAccess::refused)
        return Emulation::refused;
    if (outcome.access == PortAccess::faulted) {
        std::uint32_t const code = (outcome.fault_on_write ? cpu::page_fault_code::write : 0) |
                                   (vcpu.pv.in_kernel ? 0 : cpu::page_fault_code::user);
        deliver_page_fault(vcpu, regs, outcome.fault_address, code);
    }
    return Emulation::done;
}

} // namespace

Emulation emulate_privileged(Vcpu& vcpu, Registers& regs)
{
    std::uint8_t code[instruction_limit];
    std::size_t const fetched = guest::copy_bytes_in_partial(code, GuestVirtual{regs.rip}, sizeof code);
    auto const instruction = decode({code, fetched}, regs);
    if (!instruction)
        return Emulation::refused;
    if (is_port_access(instruction->operation))
        return emulate_ports(vcpu, regs, *instruction);
    bool const time_is_for_all = instruction->operation == Operation::read_tsc || instruction->operation == Operation::read_tscp;
    if (!vcpu.pv.in_kernel && !time_is_for_all)
        return Emulation::refused;
    if (!vcpu.pv.in_kernel && (vcpu.pv.control_register_4 & cpu::cr4::tsd))
        return Emulation::refused;
    auto const outcome = execute(vcpu, regs, *instruction);
    if (!outcome)
        return Emulation::refused;
    if (*outcome == Progress::done)
        regs.rip += instruction->length;
    return Emulation::done;
}

namespace {

constexpr unsigned forced_cpuid_length = 7;

/// Carries the instruction out if the first seven bytes of `code` are its: ud2a "xen" cpuid.
[[nodiscard, gnu::always_inline]] inline Emulation answer_forced(Vcpu& vcpu, Registers& regs, std::uint64_t code)
{
    constexpr std::uint64_t expected = 0xa2'0f'6e'65'78'0b'0full;
    constexpr unsigned unused = 64 - 8 * forced_cpuid_length;
    if (code << unused != expected << unused) [[unlikely]]
        return Emulation::refused;
    regs.rip += forced_cpuid_length;
    answer_cpuid(vcpu, regs);
    return Emulation::done;
}

/// At the end of a page there may be no whole word.
[[nodiscard, gnu::noinline]] Emulation emulate_forced_by_bytes(Vcpu& vcpu, Registers& regs)
{
    std::uint64_t code = 0;
    if (!guest::copy_bytes_in(&code, GuestVirtual{regs.rip}, forced_cpuid_length))
        return Emulation::refused;
    return answer_forced(vcpu, regs, code);
}

} // namespace

Emulation emulate_forced(Vcpu& vcpu, Registers& regs)
{
    std::uint64_t code;
    if (!address_map::guest_range_ok(regs.rip, sizeof code) ||
        !guest::copied_shortly<std::uint64_t>(&code, reinterpret_cast<void const*>(regs.rip))) [[unlikely]]
        return emulate_forced_by_bytes(vcpu, regs);
    return answer_forced(vcpu, regs, code);
}

} // namespace rf::pvcpu
