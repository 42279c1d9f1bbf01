/* SPDX-License-Identifier: MIT */
/* For assembly: where guests' memory becomes reachable for us and where it stops being so (boot/access_gate.hpp). Each is a
   no-operation of three bytes until boot writes the instruction there. */
#pragma once

    .macro access_site last_byte
    .pushsection .access_sites, "a"
    .balign 8
    .quad 771f, \last_byte
    .popsection
771:
    .byte 0x0f, 0x1f, 0x00
    .endm

    .macro open_guest_memory
    access_site 0xcb                    // stac is 0f 01 cb
    .endm

    .macro close_guest_memory
    access_site 0xca                    // clac is 0f 01 ca
    .endm
