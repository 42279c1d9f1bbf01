// SPDX-License-Identifier: MIT
/// The paravirtual processor: trap table, register frame, full vCPU context, the iret frame,
/// fixed selectors, callbacks and segment bases.
/// Sources: arch-x86/xen.h, arch-x86/xen-x86_64.h, callback.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Selectors of the descriptors the hypervisor keeps in every guest's GDT. All have RPL 3.
XEN_ABI_ENUM(flat_selector, uint16_t) {
    FLAT_RING3_CS32 = 0xe023,
    FLAT_RING3_CS64 = 0xe033,
    FLAT_RING3_DS32 = 0xe02b,
    FLAT_RING3_DS64 = 0x0000,
    FLAT_RING3_SS32 = 0xe02b,
    FLAT_RING3_SS64 = 0xe02b,
    FLAT_KERNEL_DS64 = FLAT_RING3_DS64,
    FLAT_KERNEL_DS32 = FLAT_RING3_DS32,
    FLAT_KERNEL_DS = FLAT_KERNEL_DS64,
    FLAT_KERNEL_CS64 = FLAT_RING3_CS64,
    FLAT_KERNEL_CS32 = FLAT_RING3_CS32,
    FLAT_KERNEL_CS = FLAT_KERNEL_CS64,
    FLAT_KERNEL_SS64 = FLAT_RING3_SS64,
    FLAT_KERNEL_SS32 = FLAT_RING3_SS32,
    FLAT_KERNEL_SS = FLAT_KERNEL_SS64,
    FLAT_USER_DS64 = FLAT_RING3_DS64,
    FLAT_USER_DS32 = FLAT_RING3_DS32,
    FLAT_USER_DS = FLAT_USER_DS64,
    FLAT_USER_CS64 = FLAT_RING3_CS64,
    FLAT_USER_CS32 = FLAT_RING3_CS32,
    FLAT_USER_CS = FLAT_USER_CS64,
    FLAT_USER_SS64 = FLAT_RING3_SS64,
    FLAT_USER_SS32 = FLAT_RING3_SS32,
    FLAT_USER_SS = FLAT_USER_SS64
};

/// Where the hypervisor's part of a guest's GDT begins. A guest owns the pages, bytes and
/// 8-byte entries below.
XEN_ABI_ENUM(gdt_layout, uint32_t) {
    FIRST_RESERVED_GDT_PAGE = 14,
    FIRST_RESERVED_GDT_BYTE = FIRST_RESERVED_GDT_PAGE * 4096,
    FIRST_RESERVED_GDT_ENTRY = FIRST_RESERVED_GDT_BYTE / 8
};

/// Which base HYPERVISOR_set_segment_base changes.
XEN_ABI_ENUM(segment_base, uint32_t) {
    SEGBASE_FS = 0,
    /// GS base seen in guest user mode.
    SEGBASE_GS_USER = 1,
    /// GS base seen in guest kernel mode.
    SEGBASE_GS_KERNEL = 2,
    /// Load a selector into the user GS; the value is the selector in its low 16 bits.
    SEGBASE_GS_USER_SEL = 3
};

/// Bits of trap_info.flags.
XEN_ABI_ENUM(trap_info_flag, uint8_t) {
    /// Lowest privilege that may raise the vector with `int n` (3: user mode may).
    TRAP_INFO_DPL_MASK = 3,
    /// Set evtchn_upcall_mask when the handler is entered.
    TRAP_INFO_MASK_EVENTS = 4
};

/// One entry of the trap table given to HYPERVISOR_set_trap_table. 16 bytes.
/// An entry whose address is 0 ends the table.
struct trap_info {
    /// Exception or software-interrupt vector.
    uint8_t vector;
    /// TRAP_INFO_* bits.
    uint8_t flags;
    /// Code selector of the handler; its RPL is forced to 3.
    uint16_t cs;
    /// Virtual address of the handler.
    uint64_t address;
};

XEN_ABI_SIZE(struct trap_info, 16)
XEN_ABI_OFFSET(struct trap_info, address, 8)

/// Integer registers of a vCPU, 200 bytes, in the order in which an exception entry saves them.
struct cpu_user_regs {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rax;
    uint64_t rcx;
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
    /// Private to the hypervisor.
    uint32_t error_code;
    /// Private to the hypervisor.
    uint32_t entry_vector;
    uint64_t rip;
    uint16_t cs;
    uint16_t _pad0[1];
    /// evtchn_upcall_mask at the time of the interruption.
    uint8_t saved_upcall_mask;
    uint8_t _pad1[3];
    /// RFLAGS; IF stands for the complement of saved_upcall_mask.
    uint64_t rflags;
    uint64_t rsp;
    uint16_t ss;
    uint16_t _pad2[3];
    uint16_t es;
    uint16_t _pad3[3];
    uint16_t ds;
    uint16_t _pad4[3];
    /// FS selector; a nonzero one takes its base from the descriptor.
    uint16_t fs;
    uint16_t _pad5[3];
    /// GS selector, as fs.
    uint16_t gs;
    uint16_t _pad6[3];
};

XEN_ABI_SIZE(struct cpu_user_regs, 200)
XEN_ABI_OFFSET(struct cpu_user_regs, rax, 80)
XEN_ABI_OFFSET(struct cpu_user_regs, rip, 128)
XEN_ABI_OFFSET(struct cpu_user_regs, rsp, 152)
XEN_ABI_OFFSET(struct cpu_user_regs, gs, 192)

/// Bits of vcpu_guest_context.flags and, for VGCF_in_syscall, of iret_context.flags.
XEN_ABI_ENUM(vcpu_guest_context_flag, uint32_t) {
    /// fpu_ctxt holds a valid FXSAVE image.
    VGCF_i387_valid = 1 << 0,
    /// The vCPU is in guest kernel mode.
    VGCF_in_kernel = 1 << 2,
    /// The failsafe callback is entered with events masked.
    VGCF_failsafe_disables_events = 1 << 3,
    /// The syscall callback is entered with events masked.
    VGCF_syscall_disables_events = 1 << 4,
    /// The vCPU runs (is not down).
    VGCF_online = 1 << 5,
    /// In iret: leave RCX and R11 as SYSRET would.
    VGCF_in_syscall = 1 << 8,
    VGCF_I387_VALID = VGCF_i387_valid,
    VGCF_IN_KERNEL = VGCF_in_kernel,
    VGCF_IN_SYSCALL = VGCF_in_syscall
};

/// Complete state of one vCPU, 5168 bytes: what VCPUOP_initialise and the domctls
/// setvcpucontext and getvcpucontext carry.
struct vcpu_guest_context {
    /// FXSAVE image.
    struct {
        char x[512];
    } fpu_ctxt;
    /// VGCF_* bits.
    uint64_t flags;
    struct cpu_user_regs user_regs;
    /// The trap table, indexed by vector.
    struct trap_info trap_ctxt[256];
    /// Virtual address and number of 8-byte entries of the LDT.
    uint64_t ldt_base, ldt_ents;
    /// Machine frames of the guest's part of the GDT, and its number of 8-byte entries.
    uint64_t gdt_frames[16], gdt_ents;
    /// Stack used when an event or exception interrupts user mode.
    uint64_t kernel_ss, kernel_sp;
    /// CR0 ... CR7. [3] is machine frame << 12 of the kernel page table, [1] that of the user one.
    uint64_t ctrlreg[8];
    /// DR0 ... DR7.
    uint64_t debugreg[8];
    /// Entry point for pending events.
    uint64_t event_callback_eip;
    /// Entry point after a fault while returning to the guest.
    uint64_t failsafe_callback_eip;
    /// Entry point of SYSCALL from user mode.
    uint64_t syscall_callback_eip;
    /// Bit n set: assist VMASST_TYPE_n is on.
    uint64_t vm_assist;
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};

XEN_ABI_SIZE(struct vcpu_guest_context, 5168)
XEN_ABI_OFFSET(struct vcpu_guest_context, flags, 512)
XEN_ABI_OFFSET(struct vcpu_guest_context, user_regs, 520)
XEN_ABI_OFFSET(struct vcpu_guest_context, trap_ctxt, 720)
XEN_ABI_OFFSET(struct vcpu_guest_context, ldt_base, 4816)
XEN_ABI_OFFSET(struct vcpu_guest_context, gdt_frames, 4832)
XEN_ABI_OFFSET(struct vcpu_guest_context, ctrlreg, 4984)
XEN_ABI_OFFSET(struct vcpu_guest_context, event_callback_eip, 5112)
XEN_ABI_OFFSET(struct vcpu_guest_context, fs_base, 5144)

/// The frame HYPERVISOR_iret finds at the guest's RSP, lowest address first. 72 bytes.
struct iret_context {
    uint64_t rax;
    uint64_t r11;
    uint64_t rcx;
    /// 0 or VGCF_in_syscall.
    uint64_t flags;
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

XEN_ABI_SIZE(struct iret_context, 72)

/// Machine frame of a page table <-> the value CR3 and ctrlreg[] hold.
XEN_ABI_INLINE uint64_t xen_pfn_to_cr3(uint64_t pfn) { return pfn << 12; }
XEN_ABI_INLINE uint64_t xen_cr3_to_pfn(uint64_t cr3) { return cr3 >> 12; }

/// Sub-operations of HYPERVISOR_callback_op.
XEN_ABI_ENUM(callbackop, uint32_t) {
    /// Argument: callback_register.
    CALLBACKOP_register = 0,
    /// Argument: callback_unregister.
    CALLBACKOP_unregister = 1
};

/// Which entry point callback_register.type names.
XEN_ABI_ENUM(callback_type, uint16_t) {
    /// Pending events.
    CALLBACKTYPE_event = 0,
    /// A fault while returning to the guest (bad segment, bad frame).
    CALLBACKTYPE_failsafe = 1,
    /// SYSCALL from 64-bit user mode.
    CALLBACKTYPE_syscall = 2,
    /// Old number of CALLBACKTYPE_sysenter, still accepted.
    CALLBACKTYPE_sysenter_deprecated = 3,
    CALLBACKTYPE_nmi = 4,
    CALLBACKTYPE_sysenter = 5,
    /// SYSCALL from 32-bit user mode.
    CALLBACKTYPE_syscall32 = 7
};

/// Bits of callback_register.flags.
XEN_ABI_ENUM(callback_flag, uint16_t) {
    /// Enter the callback with evtchn_upcall_mask set.
    CALLBACKF_mask_events = 1 << 0
};

/// Argument of CALLBACKOP_register, 16 bytes.
struct callback_register {
    /// CALLBACKTYPE_*.
    uint16_t type;
    /// CALLBACKF_* bits.
    uint16_t flags;
    /// Virtual address of the entry point.
    xen_callback_t address;
};

XEN_ABI_SIZE(struct callback_register, 16)

/// Argument of CALLBACKOP_unregister, 4 bytes.
struct callback_unregister {
    /// CALLBACKTYPE_*.
    uint16_t type;
    uint16_t _unused;
};

XEN_ABI_SIZE(struct callback_unregister, 4)

XEN_ABI_END
