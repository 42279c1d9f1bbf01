// SPDX-License-Identifier: MIT
// attempt_call(action, context, place): calls action(context) and returns 0; notes its stack pointer in *place, so that an
// exception can be made to return 1 from here instead: at attempt_recover, with that stack pointer. Whatever the action did to
// registers and stack pointer is undone. *place is 0 outside attempts.
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
        push    %rdx
        mov     %rsp, (%rdx)
        mov     %rdi, %rax
        mov     %rsi, %rdi
        sub     $8, %rsp
        call    *%rax
        add     $8, %rsp
        xor     %eax, %eax
        jmp     1f
        .globl  attempt_recover
attempt_recover:
        mov     $1, %eax
1:      pop     %rdx
        movq    $0, (%rdx)
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
        .section .note.GNU-stack, "", @progbits
