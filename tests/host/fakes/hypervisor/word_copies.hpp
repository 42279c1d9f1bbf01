// SPDX-License-Identifier: MIT
#pragma once
/// Defines guest_copy_words_1 to _16 (guest/access.hpp) by a macro WORD_COPY(count) of the includer's.

// clang-format off
WORD_COPY(1) WORD_COPY(2) WORD_COPY(3) WORD_COPY(4) WORD_COPY(5) WORD_COPY(6) WORD_COPY(7) WORD_COPY(8)
WORD_COPY(9) WORD_COPY(10) WORD_COPY(11) WORD_COPY(12) WORD_COPY(13) WORD_COPY(14) WORD_COPY(15) WORD_COPY(16)
// clang-format on
#undef WORD_COPY
