// SPDX-License-Identifier: MIT
// SYSCALL of 64-bit code: hypercalls of the guest's kernel, system calls of its user mode. Two things happen so often that
// they have short ways of their own, without a picture of registers: a system call that bounces into the guest's kernel,
// and HYPERVISOR_iret. Whatever is unusual goes the long way through C++, from the beginning: up to the point of no return,
// which is marked below, the short ways change nothing but the event mask that the long way will set again.
//
// rsp points at guest.rsp in StackTop (the slot); guest memory is read and written here only in the guest's own part of the
// address space, and with a fixup at every access.

#include "entry/frame.h"

#define HYPERVISOR_IRET 23
#define GUEST_CODE 0xe033
#define GUEST_KERNEL_CODE 0xe030        /* as iret frames spell kernel mode */
#define GUEST_STACK 0xe02b
#define FIRST_KERNEL_ADDRESS 0xffff880000000000
#define RFLAGS_IF 0x200
#define RFLAGS_NEED_IRET 0x30100        /* TF RF VM */
#define RFLAGS_CHANGEABLE 0x244cd5      /* CF PF AF ZF SF DF OF NT AC ID */
#define RFLAGS_FIXED 0x202
#define RFLAGS_BOUNCE_CLEARS 0x77500    /* TF DF IOPL NT RF VM AC */

    .macro fixup from, to
    .pushsection .fixup_table, "a"
    .balign 8
    .quad \from, \to
    .popsection
    .endm

// The picture of registers; rdi was put into the scratch word.
    .macro syscall_frame_with_saved_rdi
    movq $GUEST_STACK, 8(%rsp)
    push %r11
    push $GUEST_CODE
    push %rcx
    push syscall_words(%rip)
    push TOP_SCRATCH+32(%rsp)
    save_registers_but_rdi
    .endm

    .section .rodata
    .balign 8
syscall_words:                          // error code and entry vector
    .long 0, ENTRY_SYSCALL

    .text
    .globl entry_syscall64
    .hidden entry_syscall64
entry_syscall64:
    mov %rdi, TOP_SCRATCH(%rsp)
    mov TOP_PV(%rsp), %rdi
    cmpb $0, PV_IN_KERNEL(%rdi)
    je bounce_quickly
    cmp $HYPERVISOR_IRET, %rax
    je iret_quickly
hypercall:
    syscall_frame_with_saved_rdi
    mov %rsp, %rdi                      // SYSCALL has cleared the direction flag
    sub $8, %rsp
    call on_hypercall
resume_after_syscall:
    cmp $3, %eax
    jne 1f
    add $56, %rsp                       // the guest's r15 r14 r13 r12 rbp rbx never left their registers
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

// ---- user mode's system call --------------------------------------------------------------------------------------------
// The frame on the kernel's stack: rcx r11 rip cs rflags rsp ss; the mask in the upper half of cs is 0, because the way is
// open only while events are let in. rdi = PvState.

    .macro bounce_store operands:vararg
77: \operands
    fixup 77b, bounce_refused
    .endm

bounce_quickly:
    cmpb $0, PV_QUICK_BOUNCE(%rdi)
    je bounce
    cmpl $0, TOP_WORK(%rsp)
    jne bounce
    cmpw $0, PV_URGENT(%rdi)
    jne bounce
    mov %rax, TOP_SCRATCH+8(%rsp)
    mov TOP_LIVE_INFO(%rsp), %rax
    mov (%rax), %rax
    cmpb $0, INFO_MASK(%rax)
    jne bounce_with_rax
    mov PV_KERNEL_ROOT(%rdi), %rax
    shl $12, %rax
    swapgs
    mov %rax, %cr3
    mov PV_KERNEL_STACK(%rdi), %rax
    and $-16, %rax
    sub $56, %rax
    bounce_store mov %rcx, (%rax)
    bounce_store mov %r11, 8(%rax)
    bounce_store mov %rcx, 16(%rax)
    bounce_store movq $GUEST_CODE, 24(%rax)
    bounce_store mov %r11, 32(%rax)
    bounce_store movq $GUEST_STACK, 48(%rax)
    mov (%rsp), %rdi
    bounce_store mov %rdi, 40(%rax)
    // The point of no return.
    mov %rax, (%rsp)
    mov TOP_PV(%rsp), %rdi
    mov TOP_LIVE_INFO(%rsp), %rcx
    mov (%rcx), %rcx
    movb $1, INFO_MASK(%rcx)
    movb $1, PV_IN_KERNEL(%rdi)
    mov PV_SYSCALL(%rdi), %rcx          // canonical: choose_bounce() has looked
    and $~RFLAGS_BOUNCE_CLEARS, %r11d
    mov TOP_SCRATCH+8(%rsp), %rax
    mov TOP_SCRATCH(%rsp), %rdi
    mov (%rsp), %rsp
    sysretq

bounce_refused:                         // back to user mode, and once more the long way, which says what is wrong
    mov TOP_PV(%rsp), %rdi
    mov PV_USER_ROOT(%rdi), %rax
    shl $12, %rax
    swapgs
    mov %rax, %cr3
bounce_with_rax:
    mov TOP_SCRATCH+8(%rsp), %rax
bounce:
    syscall_frame_with_saved_rdi
    mov %rsp, %rdi
    sub $8, %rsp
    call on_syscall
    jmp resume_after_syscall

// ---- HYPERVISOR_iret ----------------------------------------------------------------------------------------------------
// rax = the frame in guest memory, rdi = PvState. Our stack pointer moves below the five words for IRETQ, which are built in
// their place in StackTop:     0 rsi   8 return address (for the long way)   16 rip   24 cs   32 rflags   40 rsp   48 ss

#define S 40                            /* from rsp to the slot */

    .macro iret_load operands:vararg
77: \operands
    fixup 77b, iret_refused_frame
    .endm

iret_quickly:
    cmpl $0, TOP_WORK(%rsp)
    jne hypercall
    cmpw $0, PV_URGENT(%rdi)
    jne hypercall
    mov (%rsp), %rax
    sub $S, %rsp
    mov %rsi, (%rsp)
    mov %rcx, 8(%rsp)
    mov $FIRST_KERNEL_ADDRESS, %rcx
    cmp %rcx, %rax
    jb iret_long
    cmp $-IRET_SIZE, %rax
    ja iret_long
    iret_load cmpw $GUEST_STACK, IRET_SS(%rax)
    jne iret_long
    iret_load cmpq $0, IRET_FLAGS(%rax) // VGCF_in_syscall: rcx and r11 are not the frame's
    jne iret_long
    iret_load mov IRET_RFLAGS(%rax), %rcx
    test $RFLAGS_IF, %ecx
    jz iret_long
    test $RFLAGS_NEED_IRET, %ecx
    jnz iret_long
    and $RFLAGS_CHANGEABLE, %ecx
    or $RFLAGS_FIXED, %ecx
    mov %rcx, 32(%rsp)
    iret_load mov IRET_RIP(%rax), %rcx
    mov %rcx, 16(%rsp)
    iret_load mov IRET_RSP(%rax), %rsi
    iret_load movzwl IRET_CS(%rax), %ecx
    // Events are let in; one that is pending, or comes just now, goes the long way.
    mov TOP_LIVE_INFO+S(%rsp), %r11
    mov (%r11), %r11
    cmpb $0, INFO_MASK(%r11)
    je 1f
    lock andb $0, INFO_MASK(%r11)
1:  cmpb $0, INFO_PENDING(%r11)
    jne iret_long
    cmp $GUEST_CODE, %ecx
    je iret_to_user
    cmp $GUEST_KERNEL_CODE, %ecx
    jne iret_long
    iret_load mov IRET_R11(%rax), %r11
    iret_load mov IRET_RCX(%rax), %rcx
    iret_load mov IRET_RAX(%rax), %rax
    // The point of no return.
iret_by_iretq:
    mov %rsi, 40(%rsp)
    movq $GUEST_CODE, 24(%rsp)
    movq $GUEST_STACK, 48(%rsp)
    mov (%rsp), %rsi
    mov TOP_SCRATCH+S(%rsp), %rdi
    add $16, %rsp
    jmp iret_to_guest

iret_to_user:
    cmpq $-1, PV_USER_ROOT(%rdi)
    je iret_long
    iret_load mov IRET_R11(%rax), %r11
    iret_load mov IRET_RCX(%rax), %rcx
    iret_load mov IRET_RAX(%rax), %rax
    // The point of no return.
    movb $0, PV_IN_KERNEL(%rdi)
    mov PV_USER_ROOT(%rdi), %rdi
    shl $12, %rdi
    swapgs
    mov %rdi, %cr3
    cmp 16(%rsp), %rcx                  // a system call's end: rcx and r11 are what SYSRET needs
    jne iret_by_iretq
    cmp 32(%rsp), %r11
    jne iret_by_iretq
    mov %rcx, %rdi
    shr $47, %rdi                       // of user mode we take the lower half: surely canonical
    jnz iret_by_iretq
    mov %rsi, 40(%rsp)
    mov (%rsp), %rsi
    mov TOP_SCRATCH+S(%rsp), %rdi
    mov 40(%rsp), %rsp
    sysretq

iret_refused_frame:
iret_long:
    mov (%rsp), %rsi
    mov 8(%rsp), %rcx
    mov $RFLAGS_FIXED, %r11d            // lost; the frame holds the flags that count
    mov $HYPERVISOR_IRET, %eax
    add $S, %rsp
    jmp hypercall

    .section .note.GNU-stack, "", @progbits
