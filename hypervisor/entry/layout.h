/* SPDX-License-Identifier: MIT */
/* Offsets that entry.S uses; entry.cpp asserts each against the C++ structures. */
#pragma once

#define FRAME_ERROR_CODE 120   /* cpu_user_regs */
#define FRAME_ES 168
#define STACK_TOP_SIZE 232     /* cpu::StackTop */
#define BLOCK_SIZE 0x20000     /* per-CPU block */
#define BLOCK_STACK_END 0x10000
#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_MACHINE_CHECK 18
#define ENTRY_SYSCALL 0x100    /* cpu_user_regs.entry_vector after SYSCALL */
