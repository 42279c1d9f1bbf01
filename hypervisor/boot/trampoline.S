/* SPDX-License-Identifier: MIT */
/* Where the other CPUs wake up: copied to a page below 1 MiB, entered in real mode at its first byte (cs = page / 16).
   The page is identity-mapped in the root that boot/smp.cpp gives us. Fields from trampoline_data on are filled in there
   (struct TrampolineData) before each start; ebx holds the page's address.

   Ends in C++ on the CPU's own stack: secondary_start(edi = CPU number). */

#define FIELD(name) (name - trampoline_start)

    .section .rodata.trampoline, "a"
    .balign 16
    .globl trampoline_start, trampoline_data, trampoline_end
    .code16
trampoline_start:
    cli
    cld
    xor %ebx, %ebx
    mov %cs, %bx
    mov %bx, %ds
    shl $4, %ebx
    lgdtl FIELD(gdt_register)
    mov $0x11, %eax                     /* protected mode, caches on */
    mov %eax, %cr0
    ljmpl *FIELD(far_protected)

    .code32
protected:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %ss
    mov $(1 << 5), %eax                 /* PAE */
    mov %eax, %cr4
    mov FIELD(root)(%ebx), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx               /* EFER: syscall, long mode, no-execute */
    rdmsr
    or $(1 << 0 | 1 << 8 | 1 << 11), %eax
    wrmsr
    mov $0x80010033, %eax               /* paging, write protection, native x87 errors, protected mode */
    mov %eax, %cr0
    ljmpl *FIELD(far_long)(%ebx)

    .code64
long_mode:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov FIELD(stack)(%rbx), %rsp
    mov FIELD(cpu)(%rbx), %edi
    mov FIELD(entry)(%rbx), %rax
    xor %ebp, %ebp
    call *%rax
1:  hlt
    jmp 1b

    .balign 8
trampoline_data:
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            /* 0x08: 32-bit code */
    .quad 0x00cf93000000ffff            /* 0x10: data */
    .quad 0x00af9b000000ffff            /* 0x18: 64-bit code */
entry:
    .quad 0
stack:
    .quad 0
root:
    .long 0
cpu:
    .long 0
far_protected:
    .long FIELD(protected)
    .word 0x08
far_long:
    .long FIELD(long_mode)
    .word 0x18
gdt_register:
    .word 31
    .long FIELD(gdt)
trampoline_end:

    .section .note.GNU-stack, "", @progbits
