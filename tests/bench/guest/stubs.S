// SPDX-License-Identifier: MIT
// Handlers of as few instructions as the ABI allows, and the code that runs in user mode. What a hypervisor pushes: rcx, r11,
// [error code], rip, cs, rflags, rsp, ss; what HYPERVISOR_iret reads: rax, r11, rcx, flags, and the same five words.
#include "marks.h"

#define HYPERVISOR_iret 23

        .macro iret_to_frame
        push    $0
        push    %rcx
        push    %r11
        push    %rax
        mov     $HYPERVISOR_iret, %eax
        syscall
        .endm

        .text
        .globl  bench_on_invalid_opcode
bench_on_invalid_opcode:
        pop     %rcx
        pop     %r11
        addq    $2, (%rsp)
        iret_to_frame

        .globl  bench_on_protection_fault, bench_on_page_fault
bench_on_protection_fault:
bench_on_page_fault:
        pop     %rcx
        pop     %r11
        add     $8, %rsp
        addq    $3, (%rsp)
        iret_to_frame

        .globl  bench_return_to_self
bench_return_to_self:
        pop     %rdx                            // the caller
        mov     %rsp, %rax
        push    $0xe02b
        push    %rax
        push    $0x202
        push    $0xe030
        push    %rdx
        iret_to_frame

        .globl  bench_on_syscall
bench_on_syscall:
        pop     %rcx
        pop     %r11
        iret_to_frame

        .globl  bench_on_timed_syscall
bench_on_timed_syscall:
        pop     %rcx
        pop     %r11
        rdtsc
        mov     %eax, bench_syscall_entered
        mov     %edx, bench_syscall_entered + 4
        shl     $32, %rdx
        or      %rdx, %rax
        mov     %rax, %rsi                      // user code reads it
        iret_to_frame

        .globl  bench_enter_user
bench_enter_user:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        push    %rcx                            // totals
        mov     %rsp, saved_stack
        mov     %rdx, %r14
        xor     %r12d, %r12d
        mov     $-1, %r13
        xor     %r15d, %r15d
        mov     $-1, %r8
        push    $0xe02b
        push    %rsi
        push    $0x202
        push    $0xe033
        push    %rdi
        iret_to_frame

        .globl  bench_on_user_done
bench_on_user_done:
        mov     saved_stack, %rsp
        pop     %rcx
        mov     %r12, (%rcx)
        mov     %r13, 8(%rcx)
        mov     %r15, 16(%rcx)
        mov     %r8, 24(%rcx)
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

        .globl  bench_on_event
bench_on_event:
        push    %rax
        push    %rdx
        rdtsc
        mark    MARK_END
        shl     $32, %rdx
        or      %rdx, %rax
        mov     %rax, bench_event_ticks
        mov     bench_event_vcpu_info, %rax
        movb    $0, (%rax)
        movq    $0, 8(%rax)
        mov     bench_event_pending_word, %rax
        movq    $0, (%rax)
        pop     %rdx
        pop     %rax
        pop     %rcx
        pop     %r11
        iret_to_frame

        .globl  bench_spin_until_event
bench_spin_until_event:
        xor     %eax, %eax
1:      inc     %rax
        cmpq    $0, bench_event_ticks
        je      1b
        ret

// ---- user mode: copied into a page of its own, so it must not care where it is ------------------------------------------
// r14 rounds left, r12 sum, r13 least, r15 second sum, r8 second least; rax, rdx, rcx, r11 are lost at each system call.
        .macro  ticks_to register
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        mov     %rax, \register
        .endm

        .macro  add_sample                      // in rax
        add     %rax, %r12
        cmp     %r13, %rax
        cmovb   %rax, %r13
        .endm

        .section .rodata.user, "a", @progbits
        .balign 16
        .globl  bench_user_begin, bench_user_syscalls, bench_user_timed_syscalls, bench_user_faults, bench_user_end
bench_user_begin:
bench_user_syscalls:                            // the whole way, user to kernel to user
        ticks_to %rbx
        mark    MARK_BEGIN
        syscall
        mark    MARK_END
        ticks_to %rax
        sub     %rbx, %rax
        add_sample
        dec     %r14
        jnz     bench_user_syscalls
        ud2

bench_user_timed_syscalls:                      // r12, r13: the way in; r15: the way out
        ticks_to %rbx
        syscall                                 // the kernel leaves its counter in rsi
        ticks_to %rdi
        mov     %rsi, %rax
        sub     %rbx, %rax
        add_sample
        sub     %rsi, %rdi
        add     %rdi, %r15
        cmp     %r8, %rdi
        cmovb   %rdi, %r8
        dec     %r14
        jnz     bench_user_timed_syscalls
        ud2

bench_user_faults:                              // a page fault of user code, by a load of three bytes
        xor     %esi, %esi
        ticks_to %rbx
        mark    MARK_BEGIN
        mov     (%rsi), %rdi
        mark    MARK_END
        ticks_to %rax
        sub     %rbx, %rax
        add_sample
        dec     %r14
        jnz     bench_user_faults
        ud2
bench_user_end:

        .data
        .balign 8
        .globl  bench_syscall_entered, bench_event_ticks, bench_event_vcpu_info, bench_event_pending_word
saved_stack:
        .quad   0
bench_syscall_entered:
        .quad   0
bench_event_ticks:
        .quad   0
bench_event_vcpu_info:
        .quad   0
bench_event_pending_word:
        .quad   0

        .section .note.GNU-stack, "", @progbits
