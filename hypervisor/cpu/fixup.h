/* SPDX-License-Identifier: MIT */
/* For assembly: instructions that may fault and where to continue then (fixup.hpp). */
#pragma once

    .macro fixup from, to
    .pushsection .fixup_table, "a"
    .balign 8
    .quad \from, \to
    .popsection
    .endm
