/* SPDX-License-Identifier: MIT */
/* The picture of registers (entry.S says where it lies), as assembly macros. */
#pragma once

#include "entry/layout.h"

    .macro save_registers
    push %rdi
    save_registers_but_rdi
    .endm

    .macro save_registers_but_rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .macro restore_registers
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    restore_changed_registers
    .endm

    .macro restore_changed_registers
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    .endm

    .macro call_with_frame function
    mov %rsp, %rdi
    sub $8, %rsp
    xor %ebp, %ebp                      // ends back traces
    cld
    call \function
    add $8, %rsp
    .endm

// The per-CPU stub has stored the guest's rsp in its slot and left our rsp at that slot (cpu/syscall.hpp).
    .macro syscall_frame code_selector
    movq $0xe02b, 8(%rsp)
    push %r11
    push $\code_selector
    push %rcx
    push $0
    movl $ENTRY_SYSCALL, 4(%rsp)
    save_registers
    .endm
