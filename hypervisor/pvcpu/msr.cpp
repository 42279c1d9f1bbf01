// SPDX-License-Identifier: MIT
#include "pvcpu/msr.hpp"

#include "base/log.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "mm/page_ref.hpp"
#include "pvcpu/hypercall_page.hpp"
#include "pvcpu/msr_rules.hpp"
#include "pvcpu/segments.hpp"

namespace rf::pvcpu {

namespace {

constexpr std::uint32_t time_stamp_counter = 0x10;
constexpr std::uint32_t fs_base = 0xc0000100;
constexpr std::uint32_t gs_base = 0xc0000101;
constexpr std::uint32_t other_gs_base = 0xc0000102; ///< IA32_KERNEL_GS_BASE
constexpr std::uint32_t hypercall_page = 0x40000000;

/// For the rules of register `index`: what only another register's rule asks for is not looked up.
[[nodiscard]] MsrViewer viewer_of(domain::Vcpu const& vcpu, std::uint32_t index)
{
    CpuidPolicy const& host = system_policy(PolicyKind::host);
    constexpr std::uint32_t lfence_dispatch = 1u << 2; // leaf 0x80000021, EAX
    return {.vendor = vendor_of(host.find(0)),
            .controls_machine = vcpu.domain().is_control(),
            .first_vcpu = vcpu.id() == 0,
            .lfence_serialises = index == decode_configuration && (vcpu.domain().cpuid_policy().find(0x80000021).eax & lfence_dispatch) != 0};
}

/// Before a kernel can catch #GP (its first instructions), reading a register that the processor has gives zero.
[[nodiscard]] Result<std::uint64_t> read_refused(domain::Vcpu const& vcpu, std::uint32_t index)
{
    std::uint64_t ignored = 0;
    bool const can_catch = vcpu.pv.traps.address(cpu::exception::general_protection) != 0;
    if (!can_catch && cpu::read_msr_safe(index, ignored))
        return 0;
    log::debug("guest ", vcpu.domain().id(), ": RDMSR ", log::Hex{index}, " refused");
    return fail(Errno::eperm);
}

[[nodiscard]] Result<std::uint64_t> read_by_rule(domain::Vcpu const& vcpu, std::uint32_t index)
{
    auto const rule = msr_read_rule(viewer_of(vcpu, index), index);
    std::uint64_t real = 0;
    if (!rule || (rule->mask != 0 && !cpu::read_msr_safe(index, real)))
        return read_refused(vcpu, index);
    return (real & rule->mask) | rule->value;
}

/// The guest names a frame of its own; we fill it. A frame that cannot be written by the guest is refused.
[[nodiscard]] Status fill_hypercall_page(domain::Vcpu const& vcpu, std::uint64_t value)
{
    if (value & ~page_mask) // page number of a page other than the first
        return fail(Errno::eperm);
    Mfn const frame = MachineAddress{value}.frame();
    if (!mm::take_writable(frame, vcpu.domain().id()))
        return fail(Errno::eperm);
    write_hypercall_page(std::span<std::byte, page_size>{direct(frame), page_size});
    mm::drop_writable(frame);
    return {};
}

[[nodiscard]] Status write_by_rule(domain::Vcpu const& vcpu, std::uint32_t index, std::uint64_t value)
{
    auto const rule = msr_write_rule(viewer_of(vcpu, index), index);
    if (!rule) {
        log::debug("guest ", vcpu.domain().id(), ": WRMSR ", log::Hex{index}, " = ", log::Hex{value}, " refused");
        return fail(Errno::eperm);
    }
    bool permitted = true;
    if (*rule == MsrWrite::only_same)
        permitted = TRY(read_by_rule(vcpu, index)) == value;
    else if (*rule == MsrWrite::only_zero)
        permitted = value == 0;
    else
        log::debug("guest ", vcpu.domain().id(), ": WRMSR ", log::Hex{index}, " = ", log::Hex{value}, " ignored");
    return permitted ? Status{} : Status{fail(Errno::eperm)};
}

} // namespace

Result<std::uint64_t> read_msr(domain::Vcpu& vcpu, std::uint32_t index)
{
    // Only guest kernels get here, so the live GS base is the kernel's and the other one the user's.
    switch (index) {
    case fs_base:
        return get_fs_base(vcpu);
    case gs_base:
        return get_gs_base_kernel(vcpu);
    case other_gs_base:
        return get_gs_base_user(vcpu);
    case time_stamp_counter:
        return cpu::read_tsc();
    default:
        return read_by_rule(vcpu, index);
    }
}

Status write_msr(domain::Vcpu& vcpu, std::uint32_t index, std::uint64_t value)
{
    bool const is_base = index == fs_base || index == gs_base || index == other_gs_base;
    if (is_base && !is_canonical(value))
        return fail(Errno::eperm);
    switch (index) {
    case fs_base:
        set_fs_base(vcpu, value);
        return {};
    case gs_base:
        set_gs_base_kernel(vcpu, value);
        return {};
    case other_gs_base:
        set_gs_base_user(vcpu, value);
        return {};
    case hypercall_page:
        return fill_hypercall_page(vcpu, value);
    default:
        return write_by_rule(vcpu, index, value);
    }
}

} // namespace rf::pvcpu
