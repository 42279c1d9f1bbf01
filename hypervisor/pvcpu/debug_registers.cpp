// SPDX-License-Identifier: MIT
#include "pvcpu/debug_registers.hpp"

#include "base/address_map.hpp"
#include "cpu/current.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"

namespace rf::pvcpu {
namespace {

using domain::Vcpu;

// SDM volume 3, section 17.2.
constexpr std::uint64_t status_fixed_ones = 0xffff'0ff0;
constexpr std::uint64_t status_writable = 0xe00f;
constexpr std::uint64_t control_enables = 0xff;
constexpr std::uint64_t control_fixed_ones = 0x400;
constexpr std::uint64_t control_writable = 0xffff'03ff;
constexpr std::uint64_t control_general_detect = 1u << 13;

[[nodiscard]] bool has_io_breakpoint(std::uint64_t control)
{
    constexpr unsigned io = 2;
    for (unsigned i = 0; i < 4; ++i)
        if ((control >> (2 * i) & 3) && (control >> (16 + 4 * i) & 3) == io)
            return true;
    return false;
}

/// 4 and 5 are other names of 6 and 7 unless CR4.DE says otherwise.
[[nodiscard]] Result<unsigned> resolve(Vcpu const& vcpu, unsigned number)
{
    if (number == 4 || number == 5) {
        if (vcpu.pv.control_register_4 & cpu::cr4::de)
            return fail(Errno::enodev);
        return number + 2;
    }
    if (number > 7)
        return fail(Errno::enodev);
    return number;
}

[[nodiscard]] Result<std::uint64_t> admitted(Vcpu const& vcpu, unsigned number, std::uint64_t value)
{
    if (number < 4)
        return address_map::guest_range_ok(value, 8) ? Result<std::uint64_t>{value} : fail(Errno::eperm);
    if (value >> 32)
        return fail(Errno::einval);
    if (number == 6)
        return (value & status_writable) | status_fixed_ones;
    if (value & control_general_detect)
        return fail(Errno::eperm);
    if (has_io_breakpoint(value) && !(vcpu.pv.control_register_4 & cpu::cr4::de))
        return fail(Errno::eperm);
    return (value & control_writable) | control_fixed_ones;
}

[[nodiscard]] bool in_use(Vcpu const& vcpu) { return vcpu.pv.debug[7] & control_enables; }

} // namespace

Status set_debug_register(Vcpu& vcpu, unsigned number, std::uint64_t value)
{
    unsigned const index = TRY(resolve(vcpu, number));
    vcpu.pv.debug[index] = TRY(admitted(vcpu, index, value));
    if (vcpu.loaded_cpu() == cpu::current_id()) {
        if (in_use(vcpu))
            restore_debug_registers(vcpu);
        else if (index == 7)
            cpu::write_debug<7>(0);
    }
    return {};
}

Result<std::uint64_t> get_debug_register(Vcpu const& vcpu, unsigned number)
{
    return vcpu.pv.debug[TRY(resolve(vcpu, number))];
}

void load_debug_registers(Vcpu& vcpu, std::uint64_t const (&values)[8])
{
    for (unsigned number : {0u, 1u, 2u, 3u, 6u, 7u}) {
        auto const value = admitted(vcpu, number, values[number]);
        vcpu.pv.debug[number] = value ? *value : 0;
    }
}

void restore_debug_registers(Vcpu const& vcpu)
{
    if (!in_use(vcpu))
        return;
    cpu::write_debug<0>(vcpu.pv.debug[0]);
    cpu::write_debug<1>(vcpu.pv.debug[1]);
    cpu::write_debug<2>(vcpu.pv.debug[2]);
    cpu::write_debug<3>(vcpu.pv.debug[3]);
    cpu::write_debug<6>(vcpu.pv.debug[6]);
    cpu::write_debug<7>(vcpu.pv.debug[7]);
}

void disable_debug_registers(Vcpu const& vcpu)
{
    if (in_use(vcpu))
        cpu::write_debug<7>(0);
}

} // namespace rf::pvcpu
