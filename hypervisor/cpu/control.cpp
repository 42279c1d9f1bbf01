// SPDX-License-Identifier: MIT
#include "cpu/control.hpp"

#include "cpu/features.hpp"
#include "cpu/registers.hpp"
#include "cpu/xstate.hpp"

namespace rf::cpu {

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
    // SMEP does not disturb ring 3. SMAP stays off: emulated processors apply it to an IRET at ring 3.
    if (f.smep)
        value |= cr4::smep;
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
