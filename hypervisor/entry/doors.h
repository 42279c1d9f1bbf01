/* SPDX-License-Identifier: MIT */
/* What the plain doors (entry.S) and the guarded ones (guarded.S) have in common, as assembly macros. `doors` is the prefix
   of a family's names: DOORS_common takes vectors, DOORS_debug, DOORS_nmi, DOORS_double_fault and DOORS_machine_check
   those with stacks of their own. */
#pragma once

#include "cpu/access_gate.h"
#include "entry/frame.h"

    .altmacro
    .macro every_vector action, doors
    .set number, 0
    .rept 256
    \action %number, \doors
    .set number, number + 1
    .endr
    .endm

// One stub per vector. No two need have the same size: the table below lists addresses.
    .macro stub vector, doors
    .if \vector == VECTOR_DEBUG
    .set \doors\()_stub_\vector, \doors\()_debug
    .elseif \vector == VECTOR_NMI
    .set \doors\()_stub_\vector, \doors\()_nmi
    .elseif \vector == VECTOR_DOUBLE_FAULT
    .set \doors\()_stub_\vector, \doors\()_double_fault
    .elseif \vector == VECTOR_MACHINE_CHECK
    .set \doors\()_stub_\vector, \doors\()_machine_check
    .else
\doors\()_stub_\vector:
    .if \vector != 10 && \vector != 11 && \vector != 12 && \vector != 13 && \vector != 14 && \vector != 17 && \vector != 21
    push $0
    .endif
    movl $\vector, 4(%rsp)
    jmp \doors\()_common
    .endif
    .endm

    .macro stubs doors
    every_vector stub, \doors
    .endm

    .macro stub_address vector, doors
    .quad \doors\()_stub_\vector
    .endm

    .macro stub_table name, doors
    .pushsection .rodata
    .globl \name
    .hidden \name
    .balign 8
\name:
    every_vector stub_address, \doors
    .popsection
    .endm

// #DB has a stack of its own, because it can strike at the first instruction of a door. From a guest its frame moves to
// where every other exception would have been; in the hypervisor it is a breakpoint of a guest that our copy of its
// memory touched, and means nothing.
    .macro debug_door from_guest
    close_guest_memory
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
    jmp \from_guest
1:  iretq
    .endm

// SYSENTER saves nothing; rsp is StackTop.guest.es (SYSENTER_ESP).
    .macro sysenter_frame
    close_guest_memory
    push $0xe02b
    push $0
    pushfq
    push $3
    push $0
    push $0
    save_registers
    .endm
