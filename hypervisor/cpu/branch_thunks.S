// SPDX-License-Identifier: MIT
// Where every indirect branch of the hypervisor goes through (the compiler's -mindirect-branch=thunk-extern; tests/image looks):
// a call or jump to __x86_indirect_thunk_REG goes on at the address in REG. As written here the processor's predictor of indirect
// branches, which guests may have taught, has no part in it: the address is returned to, and the return that the processor
// foretells is the trap behind the call. Where that is not needed, boot writes a plain jump over the first bytes
// (boot/branch_thunks.hpp).
//
// Changes no register and no flag.

    .section .text.thunk, "ax"
    .globl branch_thunks_start
    .hidden branch_thunks_start
    .balign 32
branch_thunks_start:
    .irp register, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    .balign 32
    .globl __x86_indirect_thunk_\register
    .hidden __x86_indirect_thunk_\register
    .type __x86_indirect_thunk_\register, @function
__x86_indirect_thunk_\register:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  mov %\register, (%rsp)
    ret
    int3
    .size __x86_indirect_thunk_\register, . - __x86_indirect_thunk_\register
    .endr

    .section .note.GNU-stack, "", @progbits
