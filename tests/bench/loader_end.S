/* SPDX-License-Identifier: MIT */
/* loader_end: a multiboot 1 kernel that only tells when it was entered. Started with the same modules as a hypervisor, it shows
   how many instructions firmware and loader took before the hypervisor's first one. Prints "bench: loader <hexadecimal>". */
#define COM1 0x3f8
#define RESET_PORT 0xcf9

        .section .text.header, "ax"
        .balign 4
        .long   0x1badb002, 0x3, -(0x1badb002 + 0x3)

        .text
        .code32
        .globl  start
start:
        rdtsc
        lea     stack_end, %esp
        push    %eax
        push    %edx
        mov     $message, %esi
1:      lodsb
        test    %al, %al
        jz      2f
        call    put
        jmp     1b
2:      pop     %ebx
        call    put_word
        pop     %ebx
        call    put_word
        mov     $10, %al
        call    put
        mov     $RESET_PORT, %dx
        mov     $6, %al
        out     %al, %dx
3:      hlt
        jmp     3b

put_word:                               /* ebx in eight digits */
        mov     $8, %ecx
1:      rol     $4, %ebx
        mov     %ebx, %eax
        and     $15, %eax
        mov     digits(%eax), %al
        call    put
        loop    1b
        ret

put:                                    /* al */
        mov     $COM1, %edx
        out     %al, %dx
        ret

message:
        .asciz  "bench: loader "
digits:
        .ascii  "0123456789abcdef"

        .bss
        .skip   4096
stack_end:
        .section .note.GNU-stack, "", @progbits
