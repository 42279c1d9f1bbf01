// SPDX-License-Identifier: MIT
// attempt_call(action, context): calls action(context) and returns 0; notes its stack pointer in attempt_stack, so that an
// exception can be made to return 1 from here instead. Whatever the action did to registers and stack pointer is undone.
        .text
        .globl  attempt_call
attempt_call:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        pushf
        mov     %rsp, attempt_stack(%rip)
        mov     %rdi, %rax
        mov     %rsi, %rdi
        sub     $8, %rsp
        call    *%rax
        xor     %eax, %eax
        jmp     1f
        .globl  attempt_recover
attempt_recover:
        mov     $1, %eax
1:      mov     attempt_stack(%rip), %rsp
        movq    $0, attempt_stack(%rip)
        cld
        xor     %ecx, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        popf
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

        .bss
        .globl  attempt_stack
        .align  8
attempt_stack:
        .quad   0
        .section .note.GNU-stack, "", @progbits
