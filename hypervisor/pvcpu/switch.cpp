// SPDX-License-Identifier: MIT
#include "pvcpu/switch.hpp"

#include "mm/hypervisor_space.hpp"
#include "cpu/control.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/guards.hpp"
#include "cpu/insn.hpp"
#include "cpu/tlb.hpp"
#include "domain/domain.hpp"
#include "pvcpu/control_registers.hpp"
#include "pvcpu/debug_registers.hpp"
#include "pvcpu/roots.hpp"
#include "pvcpu/segments.hpp"

namespace rf::pvcpu {

using domain::DescriptorWindows;
using domain::Domain;
using domain::Vcpu;

// An NMI can come between any two instructions and loads selectors, so GDTR always points at memory that is mapped in
// the address space of the moment: the processor's own table while CR3 changes.

void load(Vcpu& vcpu)
{
    Domain& owner = vcpu.domain();
    CpuId const cpu = cpu::current_id();
    owner.windows.map(vcpu.id(), domain::cpu_descriptor_page, cpu::descriptor_page(cpu));
    owner.mark_loaded(cpu);
    vcpu.set_loaded_cpu(cpu);
    load_current_root(vcpu);
    if (owner.space.separate)
        for (pvmmu::RootView* view : {&vcpu.kernel_view, &vcpu.user_view})
            view->set_doors(cpu::view_slot(cpu));
    cpu::guard_against_last(owner.creation_number);
    cpu::load_gdt_window(DescriptorWindows::gdt_address(vcpu.id()));
    cpu::load_ldt_window(vcpu.pv.ldt_entries ? DescriptorWindows::ldt_address(vcpu.id()) : 0, vcpu.pv.ldt_entries);

    vcpu.xstate.restore();
    cpu::write_cr4(running_cr4(vcpu)); // after the extended state: without OSXSAVE its instructions do not exist
    if (vcpu.pv.task_switched)
        set_task_switched(vcpu, true);
    restore_debug_registers(vcpu);
    restore_segments(vcpu);
    cpu::stack_top().guest = vcpu.saved;
    cpu::stack_top().current = &vcpu;
}

void unload(Vcpu& vcpu)
{
    CpuId const cpu = cpu::current_id();
    vcpu.saved = cpu::stack_top().guest;
    cpu::stack_top().current = nullptr;
    save_segments(vcpu);
    disable_debug_registers(vcpu);
    cpu::write_cr4(cpu::base_cr4());
    vcpu.xstate.save();

    cpu::load_ldt_window(0, 0);
    cpu::load_idle_gdt();
    cpu::load_root_and_flush(mm::idle_root());
    vcpu.set_loaded_cpu(max_cpus);
    vcpu.domain().mark_unloaded(cpu);
}

} // namespace rf::pvcpu
