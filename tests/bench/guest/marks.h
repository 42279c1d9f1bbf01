/* SPDX-License-Identifier: MIT */
/* Marks in the instruction stream: no-operations with a number, which the counting plugin (tests/bench/plugin) recognises by
   their bytes. They cost one instruction each, on both hypervisors, and the empty measurement takes that off again. */
#pragma once

#define MARK_BEGIN 0x52464201  /* an operation begins */
#define MARK_END 0x52464202    /* it ended */
#define MARK_FIGURE 0x52464203 /* what was counted so far was warming up: a new figure begins */
#define MARK_REST 0x52464204   /* the figure is complete: nothing counts until the next one */

#ifdef __ASSEMBLER__
    .macro mark number
    .byte 0x0f, 0x1f, 0x80
    .long \number
    .endm
#else
#define MARK(number) asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" : : "i"(number) : "memory")
#endif
