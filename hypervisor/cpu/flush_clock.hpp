// SPDX-License-Identifier: MIT
#pragma once
/// The arithmetic of the flush clock. Inside, time has 64 bits and never wraps; frames remember only the low 32. Whenever
/// that leaves a doubt, the answer is "not flushed since".

#include <cstdint>

namespace rf::cpu {

/// The latest moment not after `now` whose low half is `stamp`: the stamp was taken then or 2^32 or more ticks earlier.
[[nodiscard]] constexpr std::uint64_t latest_moment(std::uint32_t stamp, std::uint64_t now)
{
    std::uint64_t const candidate = (now & ~0xffff'ffffull) | stamp;
    return candidate <= now || candidate < 0x1'0000'0000ull ? candidate : candidate - 0x1'0000'0000ull;
}

/// True when a CPU whose last full flush began at `flushed` has flushed since a stamp was taken.
[[nodiscard]] constexpr bool flushed_since(std::uint64_t flushed, std::uint32_t stamp, std::uint64_t now)
{
    return flushed > latest_moment(stamp, now);
}

} // namespace rf::cpu
