// SPDX-License-Identifier: MIT
// Copies between guest and hypervisor memory that survive faults. A fault lands at the named label with the registers as
// the faulting instruction left them; the functions return how many bytes were not done.
//
// The gate to guests' memory is open from before the first access until just before each return (tests/image looks).
//
//   rdi destination   rsi source (copy) / unused (clear)   rdx bytes   ->   rax bytes left

// xen::cpu_user_regs; access.cpp asserts them
#define REGS_R11 48
#define REGS_RCX 88
#define REGS_RIP 128
#define REGS_RSP 152
#define REGS_SS 160

#include "cpu/access_gate.h"
#include "cpu/fixup.h"

    .text

    .globl guest_copy
    .hidden guest_copy
    .type guest_copy, @function
guest_copy:
    open_guest_memory
    mov %rdx, %rcx
    shr $3, %rcx
    and $7, %edx
1:  rep movsq
    mov %rdx, %rcx
3:  rep movsb
4:  mov %rcx, %rax
    close_guest_memory
    ret
5:  lea (%rdx,%rcx,8), %rax         // whole words left, and the tail
    close_guest_memory
    ret
    fixup 1b, 5b
    fixup 3b, 4b
    .size guest_copy, . - guest_copy

// rdi destination   rsi source   ->   rax 0, or not 0 after a fault: guest_copy_words_N copies N words, 1..16.
// One run of moves from the last word down to the first, with an entrance for each count, so that no branch has to be computed.
    .macro copy_words count
    .globl guest_copy_words_\count
    .hidden guest_copy_words_\count
    .type guest_copy_words_\count, @function
guest_copy_words_\count:
    open_guest_memory
    jmp move_words_\count
    .size guest_copy_words_\count, . - guest_copy_words_\count
    .endm
    .irp count, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    copy_words \count
    .endr

    .type guest_move_words, @function
guest_move_words:
    .irp count, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1
move_words_\count:
1:  mov 8 * \count - 8(%rsi), %rax
2:  mov %rax, 8 * \count - 8(%rdi)
    fixup 1b, guest_copy_words_fault
    fixup 2b, guest_copy_words_fault
    .endr
    xor %eax, %eax
    close_guest_memory
    ret
guest_copy_words_fault:
    mov $1, %eax
    close_guest_memory
    ret
    .size guest_move_words, . - guest_move_words

// rdi destination   rsi source   ->   rax 0, or not 0 after a fault: four bytes
    .globl guest_copy_dword
    .hidden guest_copy_dword
    .type guest_copy_dword, @function
guest_copy_dword:
    open_guest_memory
1:  mov (%rsi), %eax
2:  mov %eax, (%rdi)
    xor %eax, %eax
    close_guest_memory
    ret
    fixup 1b, guest_copy_words_fault
    fixup 2b, guest_copy_words_fault
    .size guest_copy_dword, . - guest_copy_dword

// A guest's interrupted state onto its stack: rcx r11 [error code] rip cs rflags rsp ss.
// rdi destination   rsi cpu_user_regs   rdx word for cs   rcx word for rflags   r8 error code   ->   rax as above
    .macro put_word offset, register
9:  mov \register, \offset(%rdi)
    fixup 9b, guest_copy_words_fault
    .endm
    .macro put_interrupted name, after
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    open_guest_memory
    mov REGS_RCX(%rsi), %rax
    put_word 0, %rax
    mov REGS_R11(%rsi), %rax
    put_word 8, %rax
    mov REGS_RIP(%rsi), %rax
    put_word 16+\after, %rax
    put_word 24+\after, %rdx
    put_word 32+\after, %rcx
    mov REGS_RSP(%rsi), %rax
    put_word 40+\after, %rax
    movzwl REGS_SS(%rsi), %eax
    put_word 48+\after, %rax
    .if \after
    put_word 16, %r8
    .endif
    xor %eax, %eax
    close_guest_memory
    ret
    .size \name, . - \name
    .endm

    put_interrupted guest_put_interrupted, 0
    put_interrupted guest_put_interrupted_with_error, 8

    .globl guest_clear
    .hidden guest_clear
    .type guest_clear, @function
guest_clear:
    open_guest_memory
    xor %eax, %eax
    mov %rdx, %rcx
1:  rep stosb
2:  mov %rcx, %rax
    close_guest_memory
    ret
    fixup 1b, 2b
    .size guest_clear, . - guest_clear

    .section .note.GNU-stack, "", @progbits
