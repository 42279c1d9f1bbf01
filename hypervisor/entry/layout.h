/* SPDX-License-Identifier: MIT */
/* Offsets that entry.S uses; entry.cpp asserts each against the C++ structures. */
#pragma once

#define FRAME_ERROR_CODE 120   /* cpu_user_regs */
#define FRAME_ES 168
#define FRAME_RSP 152
#define STACK_TOP_SIZE 280     /* cpu::StackTop */
#define BLOCK_SIZE 0x20000     /* per-CPU block */
#define BLOCK_STACK_END 0x10000
#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_MACHINE_CHECK 18
#define ENTRY_SYSCALL 0x100    /* cpu_user_regs.entry_vector after SYSCALL */

/* StackTop, as seen from its beginning */
#define STACK_SIZE 0x8000
#define STACK_PV 232
#define STACK_GUEST_ROOT 248
#define STACK_HOME_ROOT 256
#define STACK_GUARDS 264
#define STACK_SPECULATION 268
/* entry::Return, and the registers that it may call kept */
#define RETURN_SYSRET 1
#define RETURN_SYSRET_KEPT 3
#define KEPT_REGISTERS_SIZE 48
/* From rsp to the slot while HYPERVISOR_iret takes its short way */
#define SHORT_IRET 40
/* StackTop.guards */
#define GUARD_RETURNS 1
#define GUARD_HISTORY 2
#define GUARD_BRANCHES 4
#define MSR_SPEC_CTRL 0x48
/* StackTop, as seen from guest.rsp, where the SYSCALL stub leaves the stack pointer */
#define TOP_WORK 60
#define TOP_SCRATCH 64
#define TOP_PV 80
#define TOP_LIVE_INFO 88
#define TOP_GUEST_ROOT 96
#define TOP_GUARDS 112
/* domain::PvState */
#define PV_IN_KERNEL 0
#define PV_QUICK_BOUNCE 1
#define PV_URGENT 2            /* nmi_pending and failsafe_due, 16 bits */
#define PV_KERNEL_ROOT 8
#define PV_USER_ROOT 16
#define PV_KERNEL_STACK 24
#define PV_SYSCALL 32
#define PV_KERNEL_VIEW 48
#define PV_USER_VIEW 56
/* xen::vcpu_info */
#define INFO_PENDING 0
#define INFO_MASK 1
/* xen::iret_context */
#define IRET_RAX 0
#define IRET_R11 8
#define IRET_RCX 16
#define IRET_FLAGS 24
#define IRET_RIP 32
#define IRET_CS 40
#define IRET_RFLAGS 48
#define IRET_RSP 56
#define IRET_SS 64
#define IRET_SIZE 72
