// SPDX-License-Identifier: MIT
#include "pvcpu/segments.hpp"

#include "cpu/insn.hpp"
#include "cpu/registers.hpp"

namespace rf::pvcpu {

using domain::Vcpu;

std::uint64_t get_fs_base(Vcpu const&) { return cpu::read_msr(cpu::msr::fs_base); }
void set_fs_base(Vcpu&, std::uint64_t base) { cpu::write_msr(cpu::msr::fs_base, base); }

namespace {

/// The register that holds the base of one mode, given the mode that the vCPU is in.
[[nodiscard]] std::uint32_t gs_register(Vcpu const& vcpu, bool of_kernel)
{
    return vcpu.pv.in_kernel == of_kernel ? cpu::msr::gs_base : cpu::msr::kernel_gs_base;
}

} // namespace

std::uint64_t get_gs_base_kernel(Vcpu const& vcpu) { return cpu::read_msr(gs_register(vcpu, true)); }
void set_gs_base_kernel(Vcpu& vcpu, std::uint64_t base) { cpu::write_msr(gs_register(vcpu, true), base); }
std::uint64_t get_gs_base_user(Vcpu const& vcpu) { return cpu::read_msr(gs_register(vcpu, false)); }
void set_gs_base_user(Vcpu& vcpu, std::uint64_t base) { cpu::write_msr(gs_register(vcpu, false), base); }

void set_gs_selector_user(Vcpu& vcpu, std::uint16_t selector)
{
    // Loading the selector sets the active base, so the user's base is made active around it.
    if (vcpu.pv.in_kernel)
        cpu::swap_gs();
    (void)cpu::load_gs_safe(selector); // a selector that faults leaves null
    if (vcpu.pv.in_kernel)
        cpu::swap_gs();
}

void save_segments(Vcpu& vcpu)
{
    domain::PvState& pv = vcpu.pv;
    pv.ds = cpu::read_ds();
    pv.es = cpu::read_es();
    pv.fs = cpu::read_fs();
    pv.gs = cpu::read_gs();
    pv.fs_base = cpu::read_msr(cpu::msr::fs_base);
    pv.gs_base = cpu::read_msr(cpu::msr::gs_base);
    pv.other_gs_base = cpu::read_msr(cpu::msr::kernel_gs_base);
}

void restore_segments(Vcpu& vcpu)
{
    domain::PvState& pv = vcpu.pv;
    bool all_loaded = cpu::load_ds_safe(pv.ds);
    all_loaded &= cpu::load_es_safe(pv.es);
    all_loaded &= cpu::load_fs_safe(pv.fs);
    all_loaded &= cpu::load_gs_safe(pv.gs);
    pv.failsafe_due = pv.failsafe_due || !all_loaded;
    // Selectors first: loading one replaces the base. A selector in the GDT or LDT with its own base was saved with it.
    cpu::write_msr(cpu::msr::fs_base, pv.fs_base);
    cpu::write_msr(cpu::msr::gs_base, pv.gs_base);
    cpu::write_msr(cpu::msr::kernel_gs_base, pv.other_gs_base);
}

} // namespace rf::pvcpu
