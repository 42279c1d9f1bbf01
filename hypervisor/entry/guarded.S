// SPDX-License-Identifier: MIT
// The guarded doors: the same as the plain ones, for processors that run ahead of what they may do (cpu/guards.hpp says
// which measures; docs/security/speculation.md why). All processors use them, or none.
//
//     in     the picture of registers is made on the stack, which a guest's view of memory holds, like this code and the
//            tables that the processor reads; then CR3 gets the guest's root itself, in which all of the hypervisor is, and
//            what the guest taught the predictors is made harmless
//     out    CR3 goes to StackTop.guest_root and the view into CR3; VERW is the last thing before the return
//
// System calls have their short ways here, too, unless the predictors need work. Between the change of CR3 and the return
// only the stack and this code are touched. An exception there, or an NMI anywhere, comes from the hypervisor with a view
// loaded: those doors go to the idle root, and back to what they found.

#include "cpu/fixup.h"
#include "entry/doors.h"

    .section .text.entry, "ax"

// Registers that C++ may change as well are used: the picture is made, and rsp points at it.
    .macro guard_in
    mov STACK_GUEST_ROOT(%rsp), %rax
    test %rax, %rax
    jz 1f
    mov %rax, %cr3
1:  guard_predictors
    .endm

    .macro guard_predictors
    mov STACK_GUARDS(%rsp), %r8d
    test $GUARD_RETURNS, %r8b
    jz 2f
    call refill_return_stack
2:  test $GUARD_BRANCHES, %r8b
    jz 3f
    mov $MSR_SPEC_CTRL, %ecx
    mov STACK_SPECULATION(%rsp), %eax
    xor %edx, %edx
    wrmsr
3:  test $GUARD_HISTORY, %r8b
    jz 4f
    call forget_history
4:  lfence
    .endm

    .macro empty_buffers
    verw any_selector(%rip)
    .endm

// 32 returns that were never taken: whatever a guest had put onto the return stack of the processor is gone.
refill_return_stack:
    mov $16, %eax
1:  call 3f
2:  pause
    lfence
    jmp 2b
3:  call 5f
4:  pause
    lfence
    jmp 4b
5:  add $16, %rsp
    dec %eax
    jnz 1b
    ret

// Enough taken branches to push a guest's out of the history.
forget_history:
    mov $5, %ecx
1:  mov $5, %eax
    jmp 3f
2:  jmp 3f
    .balign 64
3:  dec %eax
    jnz 2b
    dec %ecx
    jnz 1b
    ret

any_selector:
    .word 0xe010                        // of hypervisor data: readable, writable

    stubs guarded

guarded_common:
    close_guest_memory
    testb $3, 16(%rsp)
    jz guarded_from_hypervisor
guarded_from_guest:
    save_registers
    guard_in
    call_with_frame on_guest_trap

// eax = Return (entry/leave.hpp), in r8d afterwards. Loads the view on which the guest runs, if it is kept apart; its root waits in StackTop.
    .macro show_view
    mov %eax, %r8d
    mov STACK_PV(%rsp), %rcx
    mov PV_USER_VIEW(%rcx), %r9
    cmpb $0, PV_IN_KERNEL(%rcx)
    cmovne PV_KERNEL_VIEW(%rcx), %r9
    testb $GUARD_BRANCHES, STACK_GUARDS(%rsp)
    jz 1f
    mov $MSR_SPEC_CTRL, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
1:  mov %r9, STACK_GUEST_ROOT(%rsp)
    test %r9, %r9
    jz 2f
    mov %cr3, %rax
    mov %rax, STACK_GUEST_ROOT(%rsp)
    mov %r9, %cr3
2:
    .endm

// Everything is restored from the picture.
guarded_resume:
    show_view
guarded_resume_on_view:
    testb $RETURN_SYSRET, %r8b
    jnz guarded_resume_by_sysret
    restore_registers
    add $8, %rsp
guarded_iret_from_words:
    empty_buffers
guarded_iret:
    iretq

guarded_resume_by_sysret:
    restore_registers
    empty_buffers
    mov 32(%rsp), %rsp                  // rcx = rip and r11 = rflags are in place
    sysretq

// As iret_refused in entry.S; the view is still loaded.
guarded_iret_refused:
    push $0
    save_registers
    guard_in
    call_with_frame on_refused_return
    jmp guarded_resume

    fixup guarded_iret, guarded_iret_refused

// Whatever root is loaded, the idle one has all of the hypervisor; r12 keeps the other.
    .macro go_home
    mov %cr3, %r12
    mov %rsp, %rax
    or $(STACK_SIZE - 1), %rax
    mov 1 - STACK_TOP_SIZE + STACK_HOME_ROOT(%rax), %rax
    mov %rax, %cr3
    .endm

guarded_from_hypervisor:
    save_registers
    go_home
    call_with_frame on_hypervisor_trap
    mov %r12, %cr3
    restore_registers
    add $8, %rsp
    iretq

guarded_debug:
    debug_door guarded_from_guest

guarded_nmi:
    close_guest_memory
    push $0
    movl $VECTOR_NMI, 4(%rsp)
    save_registers
    go_home
    call_with_frame on_nmi
    mov %r12, %cr3
    restore_registers
    add $8, %rsp
    empty_buffers
    iretq

guarded_double_fault:
    close_guest_memory
    movl $VECTOR_DOUBLE_FAULT, 4(%rsp)
    jmp 1f
guarded_machine_check:
    close_guest_memory
    push $0
    movl $VECTOR_MACHINE_CHECK, 4(%rsp)
1:  save_registers
    go_home
    call_with_frame on_fatal_exception
    ud2

// ---- system calls ---------------------------------------------------------------------------------------------------

#define WAY(name) guarded_##name

    .macro door_in
    mov TOP_GUEST_ROOT(%rsp), %rdi
    test %rdi, %rdi
    jz 1f
    mov %rdi, %cr3
1:  cmpl $0, TOP_GUARDS(%rsp)
    jne guarded_careful
    lfence
    .endm

    .macro out_to_new_kernel
    mov PV_KERNEL_VIEW(%rdi), %rdi
    test %rdi, %rdi
    jz 1f
    mov %cr3, %rax
    mov %rax, TOP_GUEST_ROOT(%rsp)
    mov %rdi, %cr3
1:
    .endm

    .macro out_to_same_kernel
    mov PV_KERNEL_VIEW(%rdi), %rdi
    test %rdi, %rdi
    jz 1f
    mov %rdi, %cr3
1:
    .endm

    .macro out_to_user
    cmpq $0, PV_USER_VIEW(%rdi)
    jne 1f
    mov PV_USER_ROOT(%rdi), %rdi
    shl $12, %rdi
    jmp 2f
1:  mov PV_USER_ROOT(%rdi), %rdi
    shl $12, %rdi
    mov %rdi, TOP_GUEST_ROOT+SHORT_IRET(%rsp)
    mov TOP_PV+SHORT_IRET(%rsp), %rdi
    mov PV_USER_VIEW(%rdi), %rdi
2:  mov %rdi, %cr3
    .endm

    .macro sysret_to_guest place
    empty_buffers
    mov \place, %rsp
    sysretq
    .endm

    .macro iret_to_guest_from_words
    jmp guarded_iret_from_words
    .endm

// As at the plain doors: mostly the guest's r15 r14 r13 r12 rbp rbx never left their registers.
    .macro long_way function
    mov %rsp, %rdi
    sub $8, %rsp
    call \function
    add $8, %rsp
    jmp guarded_resume_after_syscall
    .endm

#include "entry/system_calls.h"

guarded_resume_after_syscall:
    show_view
    cmp $RETURN_SYSRET_KEPT, %r8d
    jne guarded_resume_on_view
    add $KEPT_REGISTERS_SIZE, %rsp
    restore_changed_registers
    empty_buffers
    mov 32(%rsp), %rsp
    sysretq

// The predictors need work before anything is decided.
guarded_careful:
    syscall_frame_with_saved_rdi
    guard_predictors
    mov STACK_PV(%rsp), %rax
    cmpb $0, PV_IN_KERNEL(%rax)
    je 1f
    long_way on_hypercall
1:  long_way on_syscall

    .globl guarded_syscall32
    .hidden guarded_syscall32
guarded_syscall32:
    syscall_frame 0xe023
    guard_in
    call_with_frame on_syscall32
    jmp guarded_resume

    .globl guarded_sysenter
    .hidden guarded_sysenter
guarded_sysenter:
    sysenter_frame
    guard_in
    call_with_frame on_sysenter
    jmp guarded_resume

// As entry_begin.
    .globl guarded_begin
    .hidden guarded_begin
guarded_begin:
    mov %rdi, %rsp
    call_with_frame on_begin
    jmp guarded_resume

    stub_table guarded_stubs, guarded

    .section .note.GNU-stack, "", @progbits
