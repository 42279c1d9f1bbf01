// SPDX-License-Identifier: MIT
#pragma once
/// What a test lets go wrong: the n-th fallible step (an allocation, or a copy from or to a guest) fails, once; and what it
/// watches: which guest memory a hypercall reads, and which it tries to reach where there is none. Off by default; for one thread at a time.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rf::injection {

enum class Watch : std::uint8_t { nothing, allocations, copies };

struct Piece {
    std::uint64_t first;
    std::uint64_t bytes;
};

struct Control {
    Watch watch = Watch::nothing;
    unsigned steps = 0;   ///< fallible steps of the watched kind so far
    unsigned fail_at = 0; ///< this one fails; 0: none
    std::string failed;   ///< who asked, as the symbols say, once it has failed
    Piece guest{};        ///< guest memory
    std::vector<Piece> reads; ///< out of it, in order
    Piece nowhere{};     ///< guest addresses at which copies fail, whatever the test has there
    std::vector<Piece> tried; ///< such copies, in order
};

extern Control control;

/// Counts a step; true if it shall fail. `caller` is a code address.
[[nodiscard]] bool fails(Watch kind, void const* caller);

} // namespace rf::injection
