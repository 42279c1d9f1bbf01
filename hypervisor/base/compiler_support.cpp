// SPDX-License-Identifier: MIT
/// What the compiler calls when the instruction set that we build for lacks an instruction.
#include <cstdint>

extern "C" int __popcountdi2(std::uint64_t value)
{
    value -= value >> 1 & 0x5555'5555'5555'5555;
    value = (value & 0x3333'3333'3333'3333) + (value >> 2 & 0x3333'3333'3333'3333);
    value = (value + (value >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
    return static_cast<int>(value * 0x0101'0101'0101'0101 >> 56);
}
