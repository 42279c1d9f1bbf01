/* SPDX-License-Identifier: MIT */
/* SYSCALL of 64-bit code: hypercalls of the guest's kernel, system calls of its user mode. Two things happen so often that
   they have short ways of their own, without a picture of registers: a system call that bounces into the guest's kernel,
   and HYPERVISOR_iret. Whatever is unusual goes the long way through C++, from the beginning: up to the point of no return,
   which is marked below, the short ways change nothing but the event mask that the long way will set again.

   rsp points at guest.rsp in StackTop (the slot); guest memory is read and written here only in the guest's own part of the
   address space, and with a fixup at every access.

   This text stands twice in the image: in system_calls.S for the plain doors, in guarded.S for the guarded ones. WAY(name)
   is the family's name; the family brings these macros:

     door_in                   rdi is free, all other registers are the guest's
     out_to_new_kernel         rdi = PvState, both it and rax free afterwards; the kernel's root is loaded, the user's was
     out_to_same_kernel        rdi = PvState, free afterwards; the kernel's root is loaded, and was when the guest came
     out_to_user               rdi = PvState, free afterwards; loads the user's root: memory of the guest is not touched again
     long_way function         the picture is made; calls and returns to the guest
     sysret_to_guest place     rsp from memory at `place`, then SYSRET
     iret_to_guest_from_words  rsp points at the five words */

#include "cpu/access_gate.h"
#include "cpu/fixup.h"
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

// The picture of registers; rdi was put into the scratch word.
    .macro syscall_frame_with_saved_rdi
    movq $GUEST_STACK, 8(%rsp)
    push %r11
    push $GUEST_CODE
    push %rcx
    push WAY(syscall_words)(%rip)
    push TOP_SCRATCH+32(%rsp)
    save_registers_but_rdi
    .endm

    .balign 8
WAY(syscall_words):                     // error code and entry vector
    .long 0, ENTRY_SYSCALL

    .globl WAY(syscall64)
    .hidden WAY(syscall64)
WAY(syscall64):
    mov %rdi, TOP_SCRATCH(%rsp)
    door_in
    mov TOP_PV(%rsp), %rdi
    cmpb $0, PV_IN_KERNEL(%rdi)
    je WAY(bounce_quickly)
    cmp $HYPERVISOR_IRET, %rax
    je WAY(iret_quickly)
WAY(hypercall):
    syscall_frame_with_saved_rdi
    long_way on_hypercall

// ---- user mode's system call --------------------------------------------------------------------------------------------
// The frame on the kernel's stack: rcx r11 rip cs rflags rsp ss; the mask in the upper half of cs is 0, because the way is
// open only while events are let in. rdi = PvState.

    .macro bounce_store operands:vararg
77: \operands
    fixup 77b, WAY(bounce_refused)
    .endm

WAY(bounce_quickly):
    cmpb $0, PV_QUICK_BOUNCE(%rdi)
    je WAY(bounce)
    cmpl $0, TOP_WORK(%rsp)
    jne WAY(bounce)
    cmpw $0, PV_URGENT(%rdi)
    jne WAY(bounce)
    mov %rax, TOP_SCRATCH+8(%rsp)
    mov TOP_LIVE_INFO(%rsp), %rax
    mov (%rax), %rax
    cmpb $0, INFO_MASK(%rax)
    jne WAY(bounce_with_rax)
    mov PV_KERNEL_ROOT(%rdi), %rax
    shl $12, %rax
    swapgs
    mov %rax, %cr3
    mov PV_KERNEL_STACK(%rdi), %rax
    and $-16, %rax
    sub $56, %rax
    open_guest_memory
    bounce_store mov %rcx, (%rax)
    bounce_store mov %r11, 8(%rax)
    bounce_store mov %rcx, 16(%rax)
    bounce_store movq $GUEST_CODE, 24(%rax)
    bounce_store mov %r11, 32(%rax)
    bounce_store movq $GUEST_STACK, 48(%rax)
    mov (%rsp), %rdi
    bounce_store mov %rdi, 40(%rax)
    close_guest_memory
    // The point of no return.
    mov %rax, (%rsp)
    mov TOP_PV(%rsp), %rdi
    mov TOP_LIVE_INFO(%rsp), %rcx
    mov (%rcx), %rcx
    movb $1, INFO_MASK(%rcx)
    movb $1, PV_IN_KERNEL(%rdi)
    mov PV_SYSCALL(%rdi), %rcx          // canonical: choose_bounce() has looked
    and $~RFLAGS_BOUNCE_CLEARS, %r11d
    out_to_new_kernel
    mov TOP_SCRATCH+8(%rsp), %rax
    mov TOP_SCRATCH(%rsp), %rdi
    sysret_to_guest (%rsp)

WAY(bounce_refused):                    // back to user mode, and once more the long way, which says what is wrong
    close_guest_memory
    mov TOP_PV(%rsp), %rdi
    mov PV_USER_ROOT(%rdi), %rax
    shl $12, %rax
    swapgs
    mov %rax, %cr3
WAY(bounce_with_rax):
    mov TOP_SCRATCH+8(%rsp), %rax
WAY(bounce):
    syscall_frame_with_saved_rdi
    long_way on_syscall

// ---- HYPERVISOR_iret ----------------------------------------------------------------------------------------------------
// rax = the frame in guest memory, rdi = PvState. Our stack pointer moves below the five words for IRETQ, which are built in
// their place in StackTop:     0 rsi   8 return address (for the long way)   16 rip   24 cs   32 rflags   40 rsp   48 ss

    .macro iret_load operands:vararg
77: \operands
    fixup 77b, WAY(iret_refused_frame)
    .endm

WAY(iret_quickly):
    cmpl $0, TOP_WORK(%rsp)
    jne WAY(hypercall)
    cmpw $0, PV_URGENT(%rdi)
    jne WAY(hypercall)
    mov (%rsp), %rax
    sub $SHORT_IRET, %rsp
    mov %rsi, (%rsp)
    mov %rcx, 8(%rsp)
    mov $FIRST_KERNEL_ADDRESS, %rcx
    cmp %rcx, %rax
    jb WAY(iret_long)
    cmp $-IRET_SIZE, %rax
    ja WAY(iret_long)
    open_guest_memory
    iret_load cmpq $0, IRET_FLAGS(%rax) // VGCF_in_syscall: rcx and r11 are not the frame's
    jne WAY(iret_refused_frame)
    iret_load mov IRET_RFLAGS(%rax), %rcx
    test $RFLAGS_IF, %ecx
    jz WAY(iret_refused_frame)
    test $RFLAGS_NEED_IRET, %ecx
    jnz WAY(iret_refused_frame)
    and $RFLAGS_CHANGEABLE, %ecx
    or $RFLAGS_FIXED, %ecx
    mov %rcx, 32(%rsp)
    iret_load mov IRET_RIP(%rax), %rcx
    mov %rcx, 16(%rsp)
    iret_load mov IRET_RSP(%rax), %rsi
    iret_load movzwl IRET_SS(%rax), %ecx
    or $3, %ecx
    mov %rcx, 48(%rsp)
    iret_load movzwl IRET_CS(%rax), %ecx
    // Events are let in; one that is pending goes the long way. For one that comes just now its sender interrupts us, whatever
    // the mask says, so nothing need be locked (tests/models/iret_unmask.pml).
    mov TOP_LIVE_INFO+SHORT_IRET(%rsp), %r11
    mov (%r11), %r11
    movb $0, INFO_MASK(%r11)
    cmpb $0, INFO_PENDING(%r11)
    jne WAY(iret_refused_frame)
    mov %ecx, %r11d
    or $3, %r11d
    mov %r11, 24(%rsp)
    cmp %ecx, %r11d
    je WAY(iret_to_user)                // whatever segments: IRETQ refuses what it cannot load, and then the kernel hears of it
    cmp $GUEST_KERNEL_CODE, %ecx
    jne WAY(iret_refused_frame)
    iret_load mov IRET_R11(%rax), %r11
    iret_load mov IRET_RCX(%rax), %rcx
    iret_load mov IRET_RAX(%rax), %rax
    close_guest_memory
    // The point of no return.
    out_to_same_kernel
WAY(iret_by_iretq):
    mov %rsi, 40(%rsp)
    mov (%rsp), %rsi
    mov TOP_SCRATCH+SHORT_IRET(%rsp), %rdi
    add $16, %rsp
    iret_to_guest_from_words

WAY(iret_to_user):
    cmpq $-1, PV_USER_ROOT(%rdi)
    je WAY(iret_refused_frame)
    iret_load mov IRET_R11(%rax), %r11
    iret_load mov IRET_RCX(%rax), %rcx
    iret_load mov IRET_RAX(%rax), %rax
    close_guest_memory
    // The point of no return.
    movb $0, PV_IN_KERNEL(%rdi)
    swapgs
    out_to_user
    cmp 16(%rsp), %rcx                  // a system call's end: rcx and r11 are what SYSRET needs
    jne WAY(iret_by_iretq)
    cmp 32(%rsp), %r11
    jne WAY(iret_by_iretq)
    mov %rcx, %rdi
    shr $47, %rdi                       // of user mode we take the lower half: surely canonical
    jnz WAY(iret_by_iretq)
    cmpl $GUEST_CODE, 24(%rsp)          // SYSRET loads these and no others
    jne WAY(iret_by_iretq)
    cmpl $GUEST_STACK, 48(%rsp)
    jne WAY(iret_by_iretq)
    mov %rsi, 40(%rsp)
    mov (%rsp), %rsi
    mov TOP_SCRATCH+SHORT_IRET(%rsp), %rdi
    sysret_to_guest 40(%rsp)

WAY(iret_refused_frame):                // looked at already: the gate is open
    close_guest_memory
WAY(iret_long):
    mov (%rsp), %rsi
    mov 8(%rsp), %rcx
    mov $RFLAGS_FIXED, %r11d            // lost; the frame holds the flags that count
    mov $HYPERVISOR_IRET, %eax
    add $SHORT_IRET, %rsp
    jmp WAY(hypercall)
