// SPDX-License-Identifier: MIT
// What a guest shows to the domain builder (ELF notes) and to the hypervisor (entry points).
//
// Every entry point builds one `rf::runtime::Registers` on the interrupted stack and calls `runtime_interrupted` with its
// address; the way back is HYPERVISOR_iret, which also restores the event mask out of the saved RFLAGS. The hypervisor aligns
// the stack to 16 bytes before it pushes its frame; with the words pushed here the stack is aligned again at the call.

#define VIRTUAL_BASE 0xffffffff80000000
#define HYPERVISOR_iret 23
#define VECTOR_FAILSAFE 256
#define VECTOR_EVENT 257

        .macro note_text type, text
        .pushsection .note.Xen, "a", @note
        .align 4
        .long 4, 2f - 1f, \type
        .asciz "Xen"
1:      .asciz "\text"
2:      .align 4
        .popsection
        .endm

        .macro note_number type, value
        .pushsection .note.Xen, "a", @note
        .align 4
        .long 4, 8, \type
        .asciz "Xen"
        .quad \value
        .popsection
        .endm

        note_number 1, runtime_entry            // ENTRY
        note_number 3, VIRTUAL_BASE             // VIRT_BASE
        note_number 4, 0                        // PADDR_OFFSET
        note_text 5, "xen-3.0"                  // XEN_VERSION
        note_text 6, "ringfort"                 // GUEST_OS
        note_text 8, "generic"                  // LOADER
        note_text 10, "pae_pgdir_above_4gb"     // FEATURES

        .section .text.entry, "ax", @progbits
        .globl runtime_entry
        .type runtime_entry, @function
runtime_entry:
        cld
        mov     %rsi, %rdi                      // start_info
        mov     %rsp, %rsi                      // end of the builder's one-page stack
        lea     runtime_stack_end(%rip), %rsp
        xor     %ebp, %ebp
        call    runtime_start
        ud2

        .text
        .macro save_and_call
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        cld
        mov     %rsp, %rdi
        call    runtime_interrupted
        .endm

save_registers:
        movl    $0, 28(%rsp)                    // upper half of CS: the saved event mask, which RFLAGS.IF tells as well
        save_and_call
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rax
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
        add     $16, %rsp                       // vector and error code
        push    $0                              // iret_context: flags, rcx, r11, rax
        push    %rcx
        push    %r11
        push    %rax
        mov     $HYPERVISOR_iret, %eax
        syscall
        ud2

        .globl runtime_event_entry
runtime_event_entry:
        pop     %rcx
        pop     %r11
        push    $0
        push    $VECTOR_EVENT
        jmp     save_registers

        .globl runtime_failsafe_entry
runtime_failsafe_entry:
        pop     %rcx
        pop     %r11
        add     $32, %rsp                       // ds, es, fs, gs
        push    $0
        push    $VECTOR_FAILSAFE
        jmp     save_registers

        .macro exception vector, has_error_code
1:      pop     %rcx
        pop     %r11
        .ifeq   \has_error_code
        push    $0
        .endif
        push    $\vector
        jmp     save_registers
        .pushsection .rodata.exceptions, "a", @progbits
        .quad   1b, \vector
        .popsection
        .endm

        // Pairs (address, vector), ended by a zero pair.
        .pushsection .rodata.exceptions, "a", @progbits
        .align  8
        .globl  runtime_exceptions
runtime_exceptions:
        .popsection

        exception 0, 0
        exception 1, 0
        exception 3, 0
        exception 4, 0
        exception 5, 0
        exception 6, 0
        exception 7, 0
        exception 8, 1
        exception 10, 1
        exception 11, 1
        exception 12, 1
        exception 13, 1
        exception 14, 1
        exception 16, 0
        exception 17, 1
        exception 18, 0
        exception 19, 0

        .pushsection .rodata.exceptions, "a", @progbits
        .quad   0, 0
        .popsection

        .section .bss.stack, "aw", @nobits
        .align  4096
        .globl  runtime_stack_guard
runtime_stack_guard:
        .skip   4096
        .skip   16384
runtime_stack_end:

        .section .note.GNU-stack, "", @progbits
