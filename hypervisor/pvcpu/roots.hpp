// SPDX-License-Identifier: MIT
#pragma once
/// The address spaces and descriptor tables that a vCPU has loaded: kernel root, user root, GDT, LDT. The functions that
/// take a Vcpu are called by that vCPU itself, unless they say otherwise.

#include "base/budget.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"

#include <span>

namespace rf::pvcpu {

/// The root in use: the kernel's or, in user mode, the user's.
[[nodiscard]] inline Mfn current_root(domain::Vcpu const& vcpu)
{
    return vcpu.pv.in_kernel ? vcpu.pv.kernel_root : vcpu.pv.user_root;
}

/// MMUEXT_NEW_BASEPTR: switches the kernel address space; drops the LDT. Progress::more: repeat the call.
/// Errno::einval, Errno::ebusy.
[[nodiscard]] Result<Progress> set_kernel_root(domain::Vcpu& vcpu, Mfn root, Budget& budget);
/// MMUEXT_NEW_USER_BASEPTR; invalid_mfn for none.
[[nodiscard]] Result<Progress> set_user_root(domain::Vcpu& vcpu, Mfn root, Budget& budget);
namespace detail {
void show_roots(domain::Vcpu& vcpu);
}
/// The views of a vCPU that is kept apart show its roots as they are now; called after every change of one. Needs
/// Space::lock, or a vCPU that nobody else knows yet.
inline void show_roots(domain::Vcpu& vcpu)
{
    if (vcpu.domain().space.separate) [[unlikely]]
        detail::show_roots(vcpu);
}
/// Loads CR3 with the current root and forgets all translations.
void load_current_root(domain::Vcpu const& vcpu);

/// set_gdt: `entries` descriptors in `frames`. Checks all before it changes anything. Works on vCPUs that do not run, too.
/// Errno::einval, Errno::ebusy.
[[nodiscard]] Status set_gdt(domain::Vcpu& vcpu, std::span<Mfn const> frames, unsigned entries);
/// Judges the pages of a table ahead of set_gdt or set_ldt, so that those are little work. Progress::more: repeat.
[[nodiscard]] Progress judge_gdt(domain::Vcpu& vcpu, std::span<Mfn const> frames, Budget& budget);
[[nodiscard]] Progress judge_ldt(domain::Vcpu& vcpu, std::uint64_t base, std::uint64_t entries, Budget& budget);
/// What set_ldt refuses: Errno::einval (not page-aligned, out of the guest's space, more than 8192 entries).
[[nodiscard]] Status check_ldt(std::uint64_t base, std::uint64_t entries);
/// MMUEXT_SET_LDT: `entries` descriptors at page-aligned guest address `base`. Pages that are not mapped read as null
/// descriptors. Fails only as check_ldt does.
[[nodiscard]] Status set_ldt(domain::Vcpu& vcpu, std::uint64_t base, unsigned entries);

/// Teardown of a vCPU that does not run: gives back its roots and descriptor pages.
[[nodiscard]] Progress release_roots(domain::Vcpu& vcpu, Budget& budget);

} // namespace rf::pvcpu
