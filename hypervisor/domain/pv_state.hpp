// SPDX-License-Identifier: MIT
#pragma once
/// The paravirtual processor's registers that no hardware register holds. Data only: room pvcpu gives it behaviour.
/// Only the vCPU itself changes it, or its controller while the vCPU cannot run.

#include "base/atomic.hpp"
#include "base/types.hpp"
#include "domain/trap_table.hpp"

#include <array>

namespace rf::domain {

/// A registered callback (callback_op).
struct Callback {
    std::uint64_t address = 0; ///< 0: not registered
    bool masks_events = false;
};

struct PvState {
    /// Guest kernel mode or guest user mode; both are ring 3 to the processor.
    bool in_kernel = true;
    /// SYSCALL in user mode may take the short way of entry/system_calls.S (pvcpu/mode.hpp says when).
    bool quick_bounce = false;
    /// What the guest must hear before it goes on; entry.S reads both at once.
    Atomic<bool> nmi_pending{false};
    bool failsafe_due = false; ///< a segment register could not be loaded at resume
    /// Holds a level-4 table use each while valid.
    Mfn kernel_root;
    Mfn user_root;

    std::uint64_t kernel_stack = 0; ///< stack_switch: where frames from user mode go
    Callback syscall;
    /// CR3 for the views of the roots (pvmmu/root_view.hpp) on which the guest runs; 0: it runs on the roots themselves.
    std::uint64_t kernel_view = 0, user_view = 0;
    std::uint16_t kernel_stack_selector = 0;

    TrapTable traps;
    Callback event, failsafe, syscall32, sysenter, nmi;

    /// Segment state while the vCPU is not loaded; while it is, the hardware holds it. `gs_base` belongs to the current
    /// mode and `other_gs_base` to the other one, as SWAPGS sees them.
    std::uint64_t fs_base = 0, gs_base = 0, other_gs_base = 0;
    std::uint16_t ds = 0, es = 0, fs = 0, gs = 0;

    /// Frames of the guest's GDT, each a descriptor-page use; `gdt_entries` bounds valid selectors.
    std::array<Mfn, 14> gdt_frames{};
    unsigned gdt_entries = 0;
    std::uint64_t ldt_base = 0;
    unsigned ldt_entries = 0;
    /// Frames of the LDT pages that could be found when it was set, each a descriptor-page use.
    std::array<Mfn, 16> ldt_frames{};

    bool task_switched = false;       ///< CR0.TS as the guest sees it
    std::uint64_t control_register_4 = 0; ///< bits that the guest chose
    unsigned io_privilege = 0;        ///< virtual IOPL
    std::uint64_t io_bitmap = 0;      ///< guest address of its I/O permission bitmap
    unsigned io_bitmap_ports = 0;
    std::array<std::uint64_t, 8> debug{}; ///< dr0-3, 6, 7
};

} // namespace rf::domain
