// SPDX-License-Identifier: MIT
// SYSCALL of 64-bit code at the plain doors: system_calls.h without anything between.

#include "entry/frame.h"

#define WAY(name) entry_##name

    .macro door_in
    .endm

    .macro out_to_new_kernel
    .endm

    .macro out_to_same_kernel
    .endm

    .macro out_to_user
    mov PV_USER_ROOT(%rdi), %rdi
    shl $12, %rdi
    mov %rdi, %cr3
    .endm

    .macro sysret_to_guest place
    mov \place, %rsp
    sysretq
    .endm

    .macro iret_to_guest_from_words
    jmp iret_to_guest
    .endm

// After a hypercall, the most frequent, the way out follows at once. Mostly the guest goes on where it was, and its r15 r14 r13 r12 rbp rbx never left their registers.
    .macro long_way function
    mov %rsp, %rdi                      // SYSCALL has cleared the direction flag
    sub $8, %rsp
    call \function
    .ifc \function, on_hypercall
resume_after_syscall:
    cmp $3, %eax
    jne 1f
    add $56, %rsp
    restore_changed_registers
    mov 32(%rsp), %rsp
    sysretq
1:  cmp $2, %eax
    jne 2f
    add $56, %rsp
    restore_changed_registers
    add $8, %rsp
    jmp iret_to_guest
2:  add $8, %rsp
    jmp resume_guest
    .else
    jmp resume_after_syscall
    .endif
    .endm

    .text

#include "entry/system_calls.h"

    .section .note.GNU-stack, "", @progbits
