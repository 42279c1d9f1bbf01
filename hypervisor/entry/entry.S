// SPDX-License-Identifier: MIT
// The plain doors of the hypervisor: exceptions, interrupts, SYSCALL in 32-bit mode, SYSENTER; and the way out.
//
// Every door builds the same picture on the CPU's stack (xen::cpu_user_regs), then calls C++ with rdi pointing at it:
//
//     rsp -> r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi
//            error_code (32 bits) entry_vector (32 bits)
//            rip cs rflags rsp ss                              pushed by the processor, or here for SYSCALL
//
// From a guest the picture is StackTop.guest, because RSP0 and the stubs start at StackTop.guest.es. Its address is 8
// modulo 16, so one more word makes the stack ready for a call. From the hypervisor itself (the idle loop's interrupts,
// foreseen faults) the picture lies on top of the interrupted stack.
//
// C++ comes back only when the guest is to be resumed; eax tells whether SYSRET may be used (see leave.cpp).

#include "cpu/fixup.h"
#include "entry/doors.h"

    .text

// ---- exceptions and interrupts -------------------------------------------------------------------------------------

    stubs entry

entry_common:
    close_guest_memory
    testb $3, 16(%rsp)
    jz entry_from_hypervisor
entry_from_guest:
    save_registers
    call_with_frame on_guest_trap
    .globl resume_guest, iret_to_guest
    .hidden resume_guest, iret_to_guest
resume_guest:
    test %eax, %eax
    jnz resume_by_sysret
    restore_registers
    add $8, %rsp
iret_to_guest:
    iretq

resume_by_sysret:
    restore_registers
    mov 32(%rsp), %rsp                  // rcx = rip and r11 = rflags are in place
    sysretq

entry_from_hypervisor:
    save_registers
    call_with_frame on_hypervisor_trap
    restore_registers
    add $8, %rsp
    iretq

// The guest's return frame was refused by the processor: registers hold the guest's values again and rsp points at the
// five words. The picture is rebuilt and the guest hears of it.
iret_refused:
    push $0
    save_registers
    call_with_frame on_refused_return
    jmp resume_guest

    fixup iret_to_guest, iret_refused

entry_debug:
    debug_door entry_from_guest

entry_nmi:
    close_guest_memory
    push $0
    movl $VECTOR_NMI, 4(%rsp)
    save_registers
    call_with_frame on_nmi
    restore_registers
    add $8, %rsp
    iretq

entry_double_fault:
    close_guest_memory
    movl $VECTOR_DOUBLE_FAULT, 4(%rsp)
    save_registers
    call_with_frame on_fatal_exception
    ud2

entry_machine_check:
    close_guest_memory
    push $0
    movl $VECTOR_MACHINE_CHECK, 4(%rsp)
    save_registers
    call_with_frame on_fatal_exception
    ud2

// ---- system calls: SYSCALL of 64-bit code is in system_calls.S ---------------------------------------------------------

    .globl entry_syscall32
    .hidden entry_syscall32
entry_syscall32:
    syscall_frame 0xe023
    call_with_frame on_syscall32
    jmp resume_guest

    .globl entry_sysenter
    .hidden entry_sysenter
entry_sysenter:
    sysenter_frame
    call_with_frame on_sysenter
    jmp resume_guest

// A CPU's first way out: nobody was interrupted, the stack below StackTop is given up. rdi = &StackTop of this CPU.
    .globl entry_begin
    .hidden entry_begin
entry_begin:
    mov %rdi, %rsp
    call_with_frame on_begin
    jmp resume_guest

// ---- the table for the IDT -----------------------------------------------------------------------------------------

    stub_table entry_stubs, entry

    .section .note.GNU-stack, "", @progbits
