// SPDX-License-Identifier: MIT
#include "pvcpu/roots.hpp"

#include "cpu/descriptor_tables.hpp"
#include "cpu/insn.hpp"
#include "cpu/tlb.hpp"
#include "domain/domain.hpp"
#include "mm/page_ref.hpp"
#include "pvmmu/descriptor.hpp"
#include "pvmmu/update.hpp"

#include <algorithm>

namespace rf::pvcpu {
namespace {

using domain::PvState;
using domain::Vcpu;

[[nodiscard]] bool is_loaded_here(Vcpu const& vcpu) { return vcpu.loaded_cpu() == cpu::current_id(); }

/// Gives back the LDT's pages; needs Space::lock.
void drop_loaded_ldt(Vcpu& vcpu)
{
    PvState& pv = vcpu.pv;
    for (unsigned page = 0; page < pv.ldt_frames.size(); ++page) {
        if (!pv.ldt_frames[page].valid())
            continue;
        vcpu.domain().windows.map(vcpu.id(), domain::gdt_pages + page, invalid_mfn);
        pvmmu::drop_descriptor_page(pv.ldt_frames[page]);
        pv.ldt_frames[page] = invalid_mfn;
    }
    pv.ldt_entries = 0;
    pv.ldt_base = 0;
    if (is_loaded_here(vcpu))
        cpu::load_ldt_window(0, 0);
}
inline void drop_ldt(Vcpu& vcpu)
{
    if (vcpu.pv.ldt_entries != 0)
        drop_loaded_ldt(vcpu);
}

/// Replaces one of the roots; the new one is counted before the old one is let go.
[[nodiscard]] Result<Progress> replace_root(Vcpu& vcpu, Mfn PvState::*which, Mfn root, Budget& budget)
{
    pvmmu::Space& space = vcpu.domain().space;
    LockGuard guard(space.lock);
    if (pvmmu::drain(space, budget) == Progress::more)
        return Progress::more;
    Mfn const old = vcpu.pv.*which;
    bool const is_kernel_root = which == &PvState::kernel_root;
    if (old != root) {
        if (root.valid() && TRY(pvmmu::take_table(space, root, 4, budget)) == Progress::more)
            return Progress::more;
        vcpu.pv.*which = root;
        if (space.separate) [[unlikely]]
            detail::show_roots(vcpu);
    }
    if (is_kernel_root) {
        drop_ldt(vcpu);
        cpu::load_root_and_flush(root); // the caller is in kernel mode
    }
    if (old != root && old.valid())
        pvmmu::drop_table(space, old);
    return pvmmu::drain(space, budget);
}

} // namespace

void detail::show_roots(Vcpu& vcpu)
{
    vcpu.pv.kernel_view = vcpu.kernel_view.show(vcpu.pv.kernel_root);
    vcpu.pv.user_view = vcpu.user_view.show(vcpu.pv.user_root);
}

void load_current_root(Vcpu const& vcpu)
{
    cpu::load_root_and_flush(current_root(vcpu));
}

Result<Progress> set_kernel_root(Vcpu& vcpu, Mfn root, Budget& budget)
{
    if (!root.valid())
        return fail(Errno::einval);
    return replace_root(vcpu, &PvState::kernel_root, root, budget);
}

Result<Progress> set_user_root(Vcpu& vcpu, Mfn root, Budget& budget)
{
    return replace_root(vcpu, &PvState::user_root, root, budget);
}

Status set_gdt(Vcpu& vcpu, std::span<Mfn const> frames, unsigned entries)
{
    PvState& pv = vcpu.pv;
    unsigned const needed = (entries + table_entries - 1) / table_entries;
    if (needed > pv.gdt_frames.size() || frames.size() < needed)
        return fail(Errno::einval);
    domain::Domain& owner = vcpu.domain();
    LockGuard guard(owner.space.lock);
    for (unsigned i = 0; i < needed; ++i) {
        if (Status taken = pvmmu::take_descriptor_page(owner.space, frames[i]); !taken) {
            while (i-- > 0)
                pvmmu::drop_descriptor_page(frames[i]);
            return taken;
        }
    }
    for (unsigned i = 0; i < pv.gdt_frames.size(); ++i) {
        Mfn const old = pv.gdt_frames[i];
        pv.gdt_frames[i] = i < needed ? frames[i] : invalid_mfn;
        owner.windows.map(vcpu.id(), i, pv.gdt_frames[i]);
        if (is_loaded_here(vcpu))
            cpu::invalidate_page(domain::DescriptorWindows::gdt_address(vcpu.id()) + i * page_size);
        if (old.valid())
            pvmmu::drop_descriptor_page(old);
    }
    pv.gdt_entries = entries;
    return {};
}

Progress judge_gdt(Vcpu& vcpu, std::span<Mfn const> frames, Budget& budget)
{
    pvmmu::Space& space = vcpu.domain().space;
    LockGuard guard(space.lock);
    for (Mfn const mfn : frames)
        if (pvmmu::judge_descriptor_page(space, mfn, budget) == Progress::more)
            return Progress::more;
    return Progress::done;
}

Progress judge_ldt(Vcpu& vcpu, std::uint64_t base, std::uint64_t entries, Budget& budget)
{
    if (!check_ldt(base, entries))
        return Progress::done;
    pvmmu::Space& space = vcpu.domain().space;
    LockGuard guard(space.lock);
    for (std::uint64_t page = 0; page * table_entries < entries; ++page)
        if (auto const entry = pvmmu::translate(vcpu.pv.kernel_root, GuestVirtual{base + page * page_size}))
            if (pvmmu::judge_descriptor_page(space, entry->frame(), budget) == Progress::more)
                return Progress::more;
    return Progress::done;
}

Status check_ldt(std::uint64_t base, std::uint64_t entries)
{
    constexpr unsigned max_entries = 8192;
    if (entries > max_entries || (entries && ((base & ~page_mask) || !address_map::guest_range_ok(base, entries * 8ull))))
        return fail(Errno::einval);
    return {};
}

Status set_ldt(Vcpu& vcpu, std::uint64_t base, unsigned entries)
{
    TRY(check_ldt(base, entries));
    PvState& pv = vcpu.pv;
    domain::Domain& owner = vcpu.domain();
    LockGuard guard(owner.space.lock);
    drop_ldt(vcpu);
    if (entries == 0)
        return {};
    pv.ldt_base = base;
    pv.ldt_entries = entries;
    for (unsigned page = 0; page * table_entries < entries; ++page) {
        auto const entry = pvmmu::translate(pv.kernel_root, GuestVirtual{base + page * page_size});
        if (!entry || !pvmmu::take_descriptor_page(owner.space, entry->frame()))
            continue; // reads as null descriptors: their use faults in the guest
        pv.ldt_frames[page] = entry->frame();
        owner.windows.map(vcpu.id(), domain::gdt_pages + page, entry->frame());
    }
    if (is_loaded_here(vcpu)) {
        for (unsigned page = 0; page < pv.ldt_frames.size(); ++page)
            cpu::invalidate_page(domain::DescriptorWindows::ldt_address(vcpu.id()) + page * page_size);
        cpu::load_ldt_window(domain::DescriptorWindows::ldt_address(vcpu.id()), entries);
    }
    return {};
}

Progress release_roots(Vcpu& vcpu, Budget& budget)
{
    pvmmu::Space& space = vcpu.domain().space;
    if (vcpu.pv.gdt_entries)
        (void)set_gdt(vcpu, {}, 0); // cannot fail: it takes nothing
    LockGuard guard(space.lock);
    drop_ldt(vcpu);
    for (Mfn PvState::*which : {&PvState::user_root, &PvState::kernel_root}) {
        if (pvmmu::drain(space, budget) == Progress::more)
            return Progress::more;
        Mfn const root = std::exchange(vcpu.pv.*which, invalid_mfn);
        show_roots(vcpu);
        if (root.valid())
            pvmmu::drop_table(space, root);
    }
    return pvmmu::drain(space, budget);
}

} // namespace rf::pvcpu
