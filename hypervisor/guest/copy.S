// SPDX-License-Identifier: MIT
// Copies between guest and hypervisor memory that survive faults. A fault lands at the named label with the registers as
// the faulting instruction left them; the functions return how many bytes were not done.
//
//   rdi destination   rsi source (copy) / unused (clear)   rdx bytes   ->   rax bytes left

    .text

    .macro fixup from, to
    .pushsection .fixup_table, "a"
    .balign 8
    .quad \from, \to
    .popsection
    .endm

    .globl guest_copy
    .hidden guest_copy
    .type guest_copy, @function
guest_copy:
    cmp $64, %rdx
    jb 2f
    mov %rdx, %rcx
    shr $3, %rcx
    and $7, %edx
1:  rep movsq
2:  mov %rdx, %rcx
3:  rep movsb
4:  mov %rcx, %rax
    ret
5:  lea (%rdx,%rcx,8), %rax         // whole words left, and the tail
    ret
    fixup 1b, 5b
    fixup 3b, 4b
    .size guest_copy, . - guest_copy

    .globl guest_clear
    .hidden guest_clear
    .type guest_clear, @function
guest_clear:
    xor %eax, %eax
    mov %rdx, %rcx
1:  rep stosb
2:  mov %rcx, %rax
    ret
    fixup 1b, 2b
    .size guest_clear, . - guest_clear

    .section .note.GNU-stack, "", @progbits
