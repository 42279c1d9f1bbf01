// SPDX-License-Identifier: MIT
#include "pvcpu/port_io.hpp"

#include "cpu/registers.hpp"
#include "dev/port_access.hpp"
#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "pvcpu/mode.hpp"
#include "pvcpu/segments.hpp"
#include "xen/mmu.h"

namespace rf::pvcpu {
namespace {

using domain::Vcpu;
using Registers = xen::cpu_user_regs;

/// String elements moved for one exception; the rest follows when the guest repeats the instruction.
constexpr unsigned elements_per_exception = 128;

/// Reads the bits of [port, port + size) in the bitmap, which lies in the guest kernel's address space.
[[nodiscard]] bool bitmap_allows(Vcpu& vcpu, unsigned port, unsigned size)
{
    if (vcpu.pv.io_bitmap == 0 || port + size > vcpu.pv.io_bitmap_ports)
        return false;
    bool const from_user = !vcpu.pv.in_kernel;
    if (from_user)
        enter_kernel(vcpu);
    std::uint8_t bytes[2] = {0xff, 0xff};
    std::size_t const wanted = (port % 8 + size > 8) ? 2 : 1;
    bool const readable = guest::copy_bytes_in_partial(bytes, GuestVirtual{vcpu.pv.io_bitmap + port / 8}, wanted) == wanted;
    if (from_user)
        (void)enter_user(vcpu); // cannot fail: it came from there
    unsigned const bits = static_cast<unsigned>(bytes[0] | bytes[1] << 8) >> port % 8;
    return readable && (bits & ((1u << size) - 1)) == 0;
}

[[nodiscard]] bool may_access(Vcpu& vcpu, unsigned port, unsigned size)
{
    bool const architectural = vcpu.domain().assists.load(relaxed) >> xen::VMASST_TYPE_architectural_iopl & 1;
    unsigned const level = !vcpu.pv.in_kernel ? 3 : architectural ? 0 : 1;
    return level <= vcpu.pv.io_privilege || bitmap_allows(vcpu, port, size);
}

void access_once(Vcpu& vcpu, Registers& regs, Instruction const& instruction, std::uint16_t port)
{
    if (instruction.operation == Operation::in)
        regs.rax = merged(regs.rax, dev::guest_in(vcpu.domain(), port, instruction.size), instruction.size);
    else
        dev::guest_out(vcpu.domain(), port, instruction.size, static_cast<std::uint32_t>(regs.rax));
}

/// One element between port and memory. Errno::efault.
[[nodiscard]] Status move_element(Vcpu& vcpu, Instruction const& instruction, std::uint16_t port, GuestVirtual memory)
{
    std::uint32_t value = 0;
    if (instruction.operation == Operation::out_string) {
        TRY(guest::copy_bytes_in(&value, memory, instruction.size));
        dev::guest_out(vcpu.domain(), port, instruction.size, value);
        return {};
    }
    // The destination is tried first: a device register must not be read for nothing.
    TRY(guest::copy_bytes_in(&value, memory, instruction.size));
    TRY(guest::copy_bytes_out(memory, &value, instruction.size));
    value = dev::guest_in(vcpu.domain(), port, instruction.size);
    return guest::copy_bytes_out(memory, &value, instruction.size);
}

[[nodiscard]] PortOutcome access_string(Vcpu& vcpu, Registers& regs, Instruction const& instruction, std::uint16_t port)
{
    bool const reads_port = instruction.operation == Operation::in_string;
    std::uint64_t& pointer = reads_port ? regs.rdi : regs.rsi;
    std::uint64_t base = 0;
    if (!reads_port && instruction.segment == SegmentOverride::fs)
        base = get_fs_base(vcpu);
    if (!reads_port && instruction.segment == SegmentOverride::gs)
        base = vcpu.pv.in_kernel ? get_gs_base_kernel(vcpu) : get_gs_base_user(vcpu);
    std::uint64_t const step = regs.rflags & cpu::rflags::df ? 0 - std::uint64_t{instruction.size} : instruction.size;
    std::uint64_t left = instruction.repeated ? regs.rcx : 1;
    for (unsigned moved = 0; left > 0 && moved < elements_per_exception; ++moved, --left) {
        if (!move_element(vcpu, instruction, port, GuestVirtual{base + pointer})) {
            if (instruction.repeated)
                regs.rcx = left;
            return {PortAccess::faulted, base + pointer, reads_port};
        }
        pointer += step;
    }
    if (instruction.repeated)
        regs.rcx = left;
    if (left == 0)
        regs.rip += instruction.length;
    return {PortAccess::done};
}

} // namespace

PortOutcome access_ports(Vcpu& vcpu, Registers& regs, Instruction const& instruction)
{
    auto const port = static_cast<std::uint16_t>(instruction.source == Source::immediate ? instruction.immediate : regs.rdx);
    if (!may_access(vcpu, port, instruction.size))
        return {PortAccess::refused};
    if (instruction.operation == Operation::in_string || instruction.operation == Operation::out_string)
        return access_string(vcpu, regs, instruction, port);
    access_once(vcpu, regs, instruction, port);
    regs.rip += instruction.length;
    return {PortAccess::done};
}

} // namespace rf::pvcpu
