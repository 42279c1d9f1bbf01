// SPDX-License-Identifier: MIT
#include "cpu/control.hpp"

#include "cpu/features.hpp"
#include "cpu/registers.hpp"
#include "cpu/xstate.hpp"

namespace rf::cpu {

namespace {
constinit bool gate_in_use = false;
} // namespace

bool wants_access_gate(Features const& features, Setting wish)
{
    return features.smap && (wish == Setting::on || (wish == Setting::automatic && !features.emulated));
}

void use_access_gate()
{
    gate_in_use = true;
    write_cr4(base_cr4());
}

std::uint64_t base_cr4()
{
    Features const& f = host();
    std::uint64_t value = cr4::pae | cr4::osfxsr | cr4::osxmmexcpt;
    if (f.global_pages)
        value |= cr4::pge;
    if (f.machine_check)
        value |= cr4::mce;
    if (f.xsave)
        value |= cr4::osxsave;
    if (f.smep)
        value |= cr4::smep;
    if (gate_in_use)
        value |= cr4::smap;
    return value;
}

void set_control_registers()
{
    write_cr0(cr0::pe | cr0::mp | cr0::et | cr0::ne | cr0::wp | cr0::am | cr0::pg);
    write_cr4(base_cr4());
    write_msr(msr::efer, read_msr(msr::efer) | efer::sce | efer::nxe);
    write_msr(msr::pat, pat_value);
    if (host().xsave)
        write_xcr0(supported_xcr0());
}

} // namespace rf::cpu
