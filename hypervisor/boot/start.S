/* SPDX-License-Identifier: MIT */
/* From the boot loader to C++.

   A multiboot 2 (or multiboot 1) loader enters at `start` in 32-bit protected mode, paging off, with
       eax  the loader's magic number
       ebx  physical address of its information
   and no stack. GRUB may have moved the image (relocatable tag), so all code here is independent of its position:
   esi holds the distance by which we were moved. We build early page tables, switch to long mode and jump high:

       slot 0    identity map of the first 4 GiB    (only until boot/memory.cpp loads the final tables)
       slot 261  the image, 32 MiB from its first byte
       slot 262  direct map of the first 4 GiB

   Then: boot_main(edi = magic, esi = information, edx = distance moved) on the boot stack. */

#define LINK_BASE 0xffff828000000000
#define PHYSICAL(symbol) (symbol - LINK_BASE)
#define STACK_SIZE 0x8000

/* ---- headers that loaders look for ------------------------------------------------------------------------------ */
    .section .boot.header, "a"
    .balign 8
multiboot2_header:
    .long 0xe85250d6, 0, multiboot2_header_end - multiboot2_header
    .long -(0xe85250d6 + 0 + (multiboot2_header_end - multiboot2_header))

    .balign 8                           /* information that we can use, all of it optional */
1:  .word 1, 1
    .long 2f - 1b
    .long 1, 2, 3, 6, 8, 12, 14, 15, 17, 21
2:
    .balign 8                           /* relocatable: 2 MiB aligned, from 2 MiB to just under 4 GiB, lowest first */
    .word 10, 0
    .long 24, 0x200000, 0xefffffff, 0x200000, 1
    .balign 8                           /* modules on page boundaries */
    .word 6, 0
    .long 8
    .balign 8                           /* a text screen is welcome; UEFI gives a framebuffer unasked */
    .word 4, 1
    .long 12, 2
    .balign 8
    .word 0, 0
    .long 8
multiboot2_header_end:

    .balign 4
multiboot1_header:
    .long 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)
    .long PHYSICAL(multiboot1_header), PHYSICAL(image_start), PHYSICAL(image_load_end), PHYSICAL(image_end)
    .long PHYSICAL(start)

/* ---- 32-bit ----------------------------------------------------------------------------------------------------- */
    .section .boot.text, "ax"
    .code32
    .globl start
start:
    cli
    cld
    mov %eax, %ebp
    mov 4(%ebx), %edi                   /* borrow one word of the information as a stack, to learn where we are */
    lea 8(%ebx), %esp
    call 1f
1:  pop %esi
    mov %edi, 4(%ebx)
    sub $PHYSICAL(1b), %esi
    lea PHYSICAL(boot_stack_end)(%esi), %esp
    mov %ebx, %edi                      /* cpuid destroys ebx */

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb unfit
    mov $0x80000001, %eax
    cpuid
    and $(1 << 29 | 1 << 20), %edx      /* long mode and no-execute */
    cmp $(1 << 29 | 1 << 20), %edx
    jne unfit
    mov %edi, %ebx

    /* Level 2: 4 GiB in 2 MiB pages. */
    lea PHYSICAL(early_l2_low)(%esi), %edi
    mov $0x83, %eax
    mov $2048, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    /* Level 2 of the image: 32 MiB from its base. */
    lea 0x200083(%esi), %eax
    lea PHYSICAL(early_l2_image) + 8(%esi), %edi
    mov $16, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    /* Levels 3 and 4. */
    lea PHYSICAL(early_l2_low) + 3(%esi), %eax
    lea PHYSICAL(early_l3_low)(%esi), %edi
    mov $4, %ecx
1:  mov %eax, (%edi)
    add $0x1000, %eax
    add $8, %edi
    loop 1b
    lea PHYSICAL(early_l2_image) + 3(%esi), %eax
    mov %eax, PHYSICAL(early_l3_image)(%esi)
    lea PHYSICAL(early_l3_low) + 3(%esi), %eax
    mov %eax, PHYSICAL(early_l4)(%esi)
    mov %eax, PHYSICAL(early_l4) + 262 * 8(%esi)
    lea PHYSICAL(early_l3_image) + 3(%esi), %eax
    mov %eax, PHYSICAL(early_l4) + 261 * 8(%esi)

    mov $(1 << 5), %eax                 /* PAE */
    mov %eax, %cr4
    lea PHYSICAL(early_l4)(%esi), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx               /* EFER: syscall, long mode, no-execute */
    rdmsr
    or $(1 << 0 | 1 << 8 | 1 << 11), %eax
    wrmsr
    mov $0x80010033, %eax               /* paging, write protection, native x87 errors, protected mode */
    mov %eax, %cr0

    lea PHYSICAL(early_gdt)(%esi), %eax
    push %eax
    pushw $(.Learly_gdt_end - early_gdt - 1)
    lgdt (%esp)
    add $6, %esp
    lea PHYSICAL(long_mode)(%esi), %eax
    pushl $8
    push %eax
    lret

/* This processor cannot run us: say so where a person might see it. */
unfit:
    lea PHYSICAL(unfit_text)(%esi), %esi
    mov $0xb8000, %edi
1:  lodsb
    test %al, %al
    jz 3f
    mov %al, (%edi)
    movb $0x4f, 1(%edi)
    add $2, %edi
    mov %al, %ah
    mov $0x3fd, %dx
    mov $100000, %ecx
2:  in %dx, %al
    test $0x20, %al
    loopz 2b
    mov $0x3f8, %dx
    mov %ah, %al
    out %al, %dx
    jmp 1b
3:  hlt
    jmp 3b
unfit_text:
    .asciz "Ringfort needs a 64-bit processor with no-execute pages (enable NX/XD in the firmware setup).\r\n"

    .balign 8
early_gdt:
    .quad 0
    .quad 0x00af9b000000ffff            /* 64-bit code */
.Learly_gdt_end:

/* ---- 64-bit ----------------------------------------------------------------------------------------------------- */
    .code64
long_mode:                              /* still at the identity map */
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    movabs $1f, %rax
    jmp *%rax
1:  lea boot_stack_end - 256(%rip), %rsp /* StackTop lies above */
    mov %esi, %edx
    mov %ebx, %esi
    mov %ebp, %edi
    xor %ebp, %ebp
    call boot_main
2:  hlt
    jmp 2b

/* boot_continue(rdi = stack, rsi = boot information): on to main, on the CPU's own stack. */
    .globl boot_continue
boot_continue:
    mov %rdi, %rsp
    mov %rsi, %rdi
    xor %ebp, %ebp
    call hypervisor_main
2:  hlt
    jmp 2b

/* ---- tables and the boot stack ---------------------------------------------------------------------------------- */
    .section .bss.aligned, "aw", @nobits
    .balign STACK_SIZE
boot_stack:
    .skip STACK_SIZE
    .globl boot_stack_end
boot_stack_end:
early_l4:
    .skip 4096
early_l3_low:
    .skip 4096
early_l3_image:
    .skip 4096
early_l2_image:
    .skip 4096
early_l2_low:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
