// SPDX-License-Identifier: MIT
#pragma once
/// Text of numbers, the same as the frontends'.

#include "front/text.hpp"

namespace rf::runtime {

using front::decimal_number;
using front::Digits;
using front::Hex;
using front::Padded;
using front::ShortText;
using front::write_piece;

}  // namespace rf::runtime
