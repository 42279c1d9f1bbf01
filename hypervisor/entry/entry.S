// SPDX-License-Identifier: MIT
// The doors of the hypervisor: exceptions, interrupts, SYSCALL in 64-bit and 32-bit mode, SYSENTER; and the way out.
//
// Every door builds the same picture on the CPU's stack (xen::cpu_user_regs), then calls C++ with rdi pointing at it:
//
//     rsp -> r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi
//            error_code (32 bits) entry_vector (32 bits)
//            rip cs rflags rsp ss                              pushed by the processor, or here for SYSCALL
//
// From a guest the picture is StackTop.guest, because RSP0 and the stubs start at StackTop.guest.es. Its address is 8
// modulo 16, so one more word makes the stack ready for a call. From the hypervisor itself (the idle loop's interrupts,
// foreseen faults) the picture lies on top of the interrupted stack.
//
// C++ comes back only when the guest is to be resumed; eax tells whether SYSRET may be used (see leave.cpp).

#include "entry/frame.h"

    .text

// ---- exceptions and interrupts -------------------------------------------------------------------------------------
// One stub per vector; all have the size that the table below relies on nothing of: addresses are listed.

    .macro stub vector
    .if \vector == VECTOR_DEBUG
    .set stub_address_\vector, entry_debug
    .elseif \vector == VECTOR_NMI
    .set stub_address_\vector, entry_nmi
    .elseif \vector == VECTOR_DOUBLE_FAULT
    .set stub_address_\vector, entry_double_fault
    .elseif \vector == VECTOR_MACHINE_CHECK
    .set stub_address_\vector, entry_machine_check
    .else
stub_\vector:
    .if \vector != 10 && \vector != 11 && \vector != 12 && \vector != 13 && \vector != 14 && \vector != 17 && \vector != 21
    push $0
    .endif
    movl $\vector, 4(%rsp)
    jmp entry_common
    .set stub_address_\vector, stub_\vector
    .endif
    .endm

    .altmacro
    .macro every_vector action
    .set number, 0
    .rept 256
    \action %number
    .set number, number + 1
    .endr
    .endm

    every_vector stub

entry_common:
    testb $3, 16(%rsp)
    jz entry_from_hypervisor
entry_from_guest:
    save_registers
    call_with_frame on_guest_trap
    .globl resume_guest, iret_to_guest
    .hidden resume_guest, iret_to_guest
resume_guest:
    test %eax, %eax
    jnz resume_by_sysret
    restore_registers
    add $8, %rsp
iret_to_guest:
    iretq

resume_by_sysret:
    restore_registers
    mov 32(%rsp), %rsp                  // rcx = rip and r11 = rflags are in place
    sysretq

entry_from_hypervisor:
    save_registers
    call_with_frame on_hypervisor_trap
    restore_registers
    add $8, %rsp
    iretq

// The guest's return frame was refused by the processor: registers hold the guest's values again and rsp points at the
// five words. The picture is rebuilt and the guest hears of it.
iret_refused:
    push $0
    save_registers
    call_with_frame on_refused_return
    jmp resume_guest

    .pushsection .fixup_table, "a"
    .balign 8
    .quad iret_to_guest, iret_refused
    .popsection

// #DB has a stack of its own, because it can strike at the first instruction of a door. From a guest its frame moves to
// where every other exception would have been; in the hypervisor it is a breakpoint of a guest that our copy of its
// memory touched, and means nothing.
entry_debug:
    testb $3, 8(%rsp)
    jz 1f
    push %rax
    push %rcx
    mov %rsp, %rax
    and $-BLOCK_SIZE, %rax
    add $(BLOCK_STACK_END - STACK_TOP_SIZE + FRAME_ES), %rax
    .irp word, 0, 8, 16, 24, 32
    mov 16+\word(%rsp), %rcx
    mov %rcx, -40+\word(%rax)
    .endr
    mov 8(%rsp), %rcx
    mov %rcx, -48(%rax)
    mov (%rsp), %rcx
    lea -48(%rax), %rsp
    pop %rax
    push $0
    movl $VECTOR_DEBUG, 4(%rsp)
    jmp entry_from_guest
1:  iretq

entry_nmi:
    push $0
    movl $VECTOR_NMI, 4(%rsp)
    save_registers
    call_with_frame on_nmi
    restore_registers
    add $8, %rsp
    iretq

entry_double_fault:
    movl $VECTOR_DOUBLE_FAULT, 4(%rsp)
    save_registers
    call_with_frame on_fatal_exception
    ud2

entry_machine_check:
    push $0
    movl $VECTOR_MACHINE_CHECK, 4(%rsp)
    save_registers
    call_with_frame on_fatal_exception
    ud2

// ---- system calls: SYSCALL of 64-bit code is in system_calls.S ---------------------------------------------------------

    .globl entry_syscall32
    .hidden entry_syscall32
entry_syscall32:
    syscall_frame 0xe023
    call_with_frame on_syscall32
    jmp resume_guest

// SYSENTER saves nothing; rsp is StackTop.guest.es (SYSENTER_ESP).
    .globl entry_sysenter
    .hidden entry_sysenter
entry_sysenter:
    push $0xe02b
    push $0
    pushfq
    push $3
    push $0
    push $0
    save_registers
    call_with_frame on_sysenter
    jmp resume_guest

// A CPU's first way out: nobody was interrupted, the stack below StackTop is given up. rdi = &StackTop of this CPU.
    .globl entry_begin
    .hidden entry_begin
entry_begin:
    mov %rdi, %rsp
    call_with_frame on_begin
    jmp resume_guest

// ---- the table for the IDT -----------------------------------------------------------------------------------------
    .section .rodata
    .globl entry_stubs
    .hidden entry_stubs
    .balign 8
    .macro stub_address vector
    .quad stub_address_\vector
    .endm
entry_stubs:
    every_vector stub_address

    .section .note.GNU-stack, "", @progbits
