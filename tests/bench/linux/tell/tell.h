/* SPDX-License-Identifier: MIT */
/* The numbers of the no-operations by which programs and guests talk to the meter. */
#pragma once

#define TELL_BASE 0x52465400 /* + the byte told */
#define TELL_SIZE 8          /* bytes of code for each */
