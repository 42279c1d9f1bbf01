// SPDX-License-Identifier: MIT
#pragma once
/// The arithmetic of the flush clock. Inside, time has 64 bits and never wraps; frames remember only the low 26. Whenever
/// that leaves a doubt, the answer is "not flushed since".

#include <cstdint>

namespace rf::cpu {

/// The bits of a moment that a stamp keeps. The stamp 0 is of no moment: nothing was ever to be forgotten.
inline constexpr std::uint32_t stamp_mask = (1u << 26) - 1;
/// What a stamp keeps of `moment`; 0: nothing, so this moment cannot be remembered, and a later one must be.
[[nodiscard]] constexpr std::uint32_t stamp_of(std::uint64_t moment) { return static_cast<std::uint32_t>(moment & stamp_mask); }

/// The latest moment not after `now` of which `stamp` is left: the stamp was taken then or 2^26 or more ticks earlier.
[[nodiscard]] constexpr std::uint64_t latest_moment(std::uint32_t stamp, std::uint64_t now)
{
    std::uint64_t const candidate = (now & ~std::uint64_t{stamp_mask}) | stamp;
    return candidate <= now || candidate <= stamp_mask ? candidate : candidate - stamp_mask - 1;
}

/// True when a CPU whose last full flush began at `flushed` has flushed since a stamp was taken.
[[nodiscard]] constexpr bool flushed_since(std::uint64_t flushed, std::uint32_t stamp, std::uint64_t now)
{
    return stamp == 0 || flushed > latest_moment(stamp, now);
}

} // namespace rf::cpu
