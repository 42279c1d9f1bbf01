// SPDX-License-Identifier: MIT
#include "pvcpu/control_registers.hpp"

#include "cpu/control.hpp"
#include "cpu/features.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"

namespace rf::pvcpu {
namespace {

[[nodiscard]] std::uint64_t choosable()
{
    return cpu::cr4::tsd | cpu::cr4::de | (cpu::host().xsave ? cpu::cr4::osxsave : 0);
}

/// Bits that guests are told of because they are on for everybody.
constexpr std::uint64_t always_shown = cpu::cr4::pae | cpu::cr4::mce | cpu::cr4::osfxsr | cpu::cr4::osxmmexcpt;

constexpr std::uint64_t cr0_always = cpu::cr0::pe | cpu::cr0::mp | cpu::cr0::et | cpu::cr0::ne | cpu::cr0::wp |
                                     cpu::cr0::am | cpu::cr0::pg;

} // namespace

std::uint64_t visible_cr0(domain::Vcpu const& vcpu) { return cr0_always | (vcpu.pv.task_switched ? cpu::cr0::ts : 0); }

std::uint64_t visible_cr4(domain::Vcpu const& vcpu)
{
    return vcpu.pv.control_register_4 | (cpu::base_cr4() & always_shown);
}

std::uint64_t admitted_cr4(std::uint64_t value) { return value & choosable(); }

std::uint64_t running_cr4(domain::Vcpu const& vcpu)
{
    return (cpu::base_cr4() & ~choosable()) | vcpu.pv.control_register_4;
}

Status write_cr0(domain::Vcpu& vcpu, std::uint64_t value)
{
    if ((value ^ visible_cr0(vcpu)) & ~cpu::cr0::ts)
        return fail(Errno::eperm);
    set_task_switched(vcpu, value & cpu::cr0::ts);
    return {};
}

void write_cr4(domain::Vcpu& vcpu, std::uint64_t value)
{
    vcpu.pv.control_register_4 = admitted_cr4(value);
    cpu::write_cr4(running_cr4(vcpu));
}

void set_task_switched(domain::Vcpu& vcpu, bool set)
{
    vcpu.pv.task_switched = set;
    if (set)
        cpu::write_cr0(cpu::read_cr0() | cpu::cr0::ts);
    else
        cpu::clear_task_switched();
}

} // namespace rf::pvcpu
