// SPDX-License-Identifier: MIT
#include "pvcpu/context.hpp"

#include "base/address_map.hpp"
#include "cpu/registers.hpp"
#include "domain/domain.hpp"
#include "pvcpu/control_registers.hpp"
#include "pvcpu/debug_registers.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/update.hpp"

#include <cstring>
#include <span>

namespace rf::pvcpu {
namespace {

using domain::PvState;
using domain::Vcpu;
using Context = xen::vcpu_guest_context;

[[nodiscard]] Mfn root_of(std::uint64_t control_register)
{
    Mfn const mfn{xen::xen_cr3_to_pfn(control_register)};
    return mfn.value ? mfn : invalid_mfn;
}

/// Everything that can be judged without touching the domain.
[[nodiscard]] Status check(Context const& context)
{
    std::uint64_t const addresses[] = {context.event_callback_eip,   context.failsafe_callback_eip,
                                       context.syscall_callback_eip, context.user_regs.rip,
                                       context.fs_base,              context.gs_base_kernel,
                                       context.gs_base_user};
    for (std::uint64_t address : addresses)
        if (!is_canonical(address))
            return fail(Errno::einval);
    for (xen::trap_info const& trap : context.trap_ctxt)
        if (!is_canonical(trap.address))
            return fail(Errno::einval);
    if (context.gdt_ents > xen::FIRST_RESERVED_GDT_ENTRY || context.ldt_base & ~page_mask)
        return fail(Errno::einval);
    return check_ldt(context.ldt_base, context.ldt_ents);
}

/// An initialised vCPU keeps its page tables and descriptor tables; toolstacks write a context back unchanged but for
/// registers.
[[nodiscard]] Status check_unchanged(PvState const& pv, Context const& context)
{
    bool same = pv.kernel_root == root_of(context.ctrlreg[3]) && pv.user_root == root_of(context.ctrlreg[1]) &&
                pv.gdt_entries == context.gdt_ents && pv.ldt_base == context.ldt_base &&
                pv.ldt_entries == context.ldt_ents;
    for (unsigned i = 0; same && i * table_entries < pv.gdt_entries; ++i)
        same = pv.gdt_frames[i].value == context.gdt_frames[i];
    return same ? Status{} : fail(Errno::eopnotsupp);
}

/// Replaces one of the roots of a vCPU that does not run; the new one is counted before the old one is let go, and what
/// that one held is given back by whoever drains next. Errno::eagain: repeat.
[[nodiscard]] Status hold_root(Vcpu& vcpu, Mfn PvState::*which, Mfn root)
{
    pvmmu::Space& space = vcpu.domain().space;
    Budget budget{pvmmu::units_per_segment};
    LockGuard guard(space.lock);
    if (pvmmu::drain(space, budget) == Progress::more)
        return fail(Errno::eagain);
    Mfn const old = vcpu.pv.*which;
    if (old == root)
        return {};
    if (root.valid() && TRY(pvmmu::take_table(space, root, 4, budget)) == Progress::more)
        return fail(Errno::eagain);
    vcpu.pv.*which = root;
    show_roots(vcpu);
    if (old.valid())
        pvmmu::drop_table(space, old);
    return {};
}

[[nodiscard]] Status take_tables(Vcpu& vcpu, Context const& context)
{
    Mfn const kernel_root = root_of(context.ctrlreg[3]);
    if (!kernel_root.valid())
        return fail(Errno::einval);
    Mfn gdt[14];
    for (unsigned i = 0; i < 14; ++i)
        gdt[i] = Mfn{context.gdt_frames[i]};
    Budget budget{pvmmu::units_per_segment};
    unsigned const gdt_pages = static_cast<unsigned>(std::min<std::uint64_t>((context.gdt_ents + table_entries - 1) / table_entries, 14));
    if (judge_gdt(vcpu, std::span(gdt).first(gdt_pages), budget) == Progress::more)
        return fail(Errno::eagain);
    TRY(set_gdt(vcpu, gdt, static_cast<unsigned>(context.gdt_ents)));
    TRY(hold_root(vcpu, &PvState::kernel_root, kernel_root));
    TRY(hold_root(vcpu, &PvState::user_root, root_of(context.ctrlreg[1])));
    if (judge_ldt(vcpu, context.ldt_base, context.ldt_ents, budget) == Progress::more)
        return fail(Errno::eagain);
    return set_ldt(vcpu, context.ldt_base, static_cast<unsigned>(context.ldt_ents));
}

void load_handlers(PvState& pv, Context const& context)
{
    for (unsigned vector = 0; vector < 256; ++vector) {
        xen::trap_info const& trap = context.trap_ctxt[vector];
        pv.traps.set(vector, {trap.address, static_cast<std::uint16_t>(trap.cs | 3), trap.flags});
    }
    pv.event = {context.event_callback_eip, true};
    pv.failsafe = {context.failsafe_callback_eip, (context.flags & xen::VGCF_failsafe_disables_events) != 0};
    pv.syscall = {context.syscall_callback_eip, (context.flags & xen::VGCF_syscall_disables_events) != 0};
}

void load_registers(Vcpu& vcpu, Context const& context)
{
    PvState& pv = vcpu.pv;
    vcpu.saved = context.user_regs;
    vcpu.saved.cs |= 3;
    vcpu.saved.ss |= 3;
    vcpu.saved.entry_vector = 0;
    pv.io_privilege = context.user_regs.rflags >> 12 & 3;
    vcpu.saved.rflags &= ~(cpu::rflags::iopl | cpu::rflags::vm | cpu::rflags::vif | cpu::rflags::vip);
    vcpu.saved.rflags |= cpu::rflags::interrupt | cpu::rflags::fixed;
    pv.ds = context.user_regs.ds;
    pv.es = context.user_regs.es;
    pv.fs = context.user_regs.fs;
    pv.gs = context.user_regs.gs;
    pv.in_kernel = (context.flags & xen::VGCF_in_kernel) != 0;
    pv.kernel_stack = context.kernel_sp;
    pv.kernel_stack_selector = static_cast<std::uint16_t>(context.kernel_ss | 3);
    pv.fs_base = context.fs_base;
    pv.gs_base = pv.in_kernel ? context.gs_base_kernel : context.gs_base_user;
    pv.other_gs_base = pv.in_kernel ? context.gs_base_user : context.gs_base_kernel;
    pv.task_switched = (context.ctrlreg[0] & cpu::cr0::ts) != 0;
    pv.control_register_4 = admitted_cr4(context.ctrlreg[4]);
    load_debug_registers(vcpu, context.debugreg);
    if (context.flags & xen::VGCF_i387_valid)
        vcpu.xstate.write_legacy(std::as_bytes(std::span<char const, 512>{context.fpu_ctxt.x}));
}

} // namespace

Status load_context(Vcpu& vcpu, Context const& context)
{
    TRY(check(context));
    if (vcpu.initialised.load(acquire)) {
        TRY(check_unchanged(vcpu.pv, context));
    } else if (Status taken = take_tables(vcpu, context); !taken) {
        // A root whose undoing would take too long now stays the vCPU's, until its next context or its end.
        Budget budget{pvmmu::units_per_segment};
        if (taken.error() != Errno::eagain)
            (void)release_roots(vcpu, budget);
        return taken;
    }
    load_handlers(vcpu.pv, context);
    load_registers(vcpu, context);
    vcpu.initialised.store(true, release);
    return {};
}

void save_context(Vcpu const& vcpu, Context& context)
{
    std::memset(&context, 0, sizeof context);
    PvState const& pv = vcpu.pv;
    vcpu.xstate.read_legacy(std::as_writable_bytes(std::span<char, 512>{context.fpu_ctxt.x}));
    context.user_regs = vcpu.saved;
    context.user_regs.ds = pv.ds;
    context.user_regs.es = pv.es;
    context.user_regs.fs = pv.fs;
    context.user_regs.gs = pv.gs;
    context.user_regs.rflags |= static_cast<std::uint64_t>(pv.io_privilege) << 12;
    context.flags = xen::VGCF_i387_valid;
    auto const set_if = [&](bool condition, std::uint64_t flag) { context.flags |= condition ? flag : 0; };
    set_if(pv.in_kernel, xen::VGCF_in_kernel);
    set_if(pv.failsafe.masks_events, xen::VGCF_failsafe_disables_events);
    set_if(pv.syscall.masks_events, xen::VGCF_syscall_disables_events);
    set_if(vcpu.is_up(), xen::VGCF_online);
    for (unsigned vector = 0; vector < 256; ++vector) {
        domain::TrapGate const gate = pv.traps[vector];
        context.trap_ctxt[vector] = {static_cast<std::uint8_t>(vector), gate.flags, gate.selector, gate.address};
    }
    context.ldt_base = pv.ldt_base;
    context.ldt_ents = pv.ldt_entries;
    for (unsigned i = 0; i * table_entries < pv.gdt_entries; ++i)
        context.gdt_frames[i] = pv.gdt_frames[i].value;
    context.gdt_ents = pv.gdt_entries;
    context.kernel_ss = pv.kernel_stack_selector;
    context.kernel_sp = pv.kernel_stack;
    context.ctrlreg[0] = visible_cr0(vcpu);
    context.ctrlreg[1] = pv.user_root.valid() ? xen::xen_pfn_to_cr3(pv.user_root.value) : 0;
    context.ctrlreg[3] = pv.kernel_root.valid() ? xen::xen_pfn_to_cr3(pv.kernel_root.value) : 0;
    context.ctrlreg[4] = visible_cr4(vcpu);
    std::memcpy(context.debugreg, pv.debug.data(), sizeof context.debugreg);
    context.event_callback_eip = pv.event.address;
    context.failsafe_callback_eip = pv.failsafe.address;
    context.syscall_callback_eip = pv.syscall.address;
    context.fs_base = pv.fs_base;
    context.gs_base_kernel = pv.in_kernel ? pv.gs_base : pv.other_gs_base;
    context.gs_base_user = pv.in_kernel ? pv.other_gs_base : pv.gs_base;
}

} // namespace rf::pvcpu
