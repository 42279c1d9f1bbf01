// SPDX-License-Identifier: MIT
#pragma once
/// What a domain may touch of the machine's devices: I/O ports, device memory, interrupts.

#include "base/result.hpp"
#include "base/types.hpp"

#include <array>

namespace rf {

/// Sorted, disjoint, inclusive ranges of numbers; small and fixed in size so that changing rights needs no memory.
class RangeSet {
public:
    /// Errno::enospc when the set would need too many ranges.
    [[nodiscard]] Status add(std::uint64_t first, std::uint64_t last);
    [[nodiscard]] Status remove(std::uint64_t first, std::uint64_t last);
    [[nodiscard]] bool contains(std::uint64_t first, std::uint64_t last) const;
    [[nodiscard]] bool empty() const { return count_ == 0; }

private:
    struct Range {
        std::uint64_t first, last;
    };
    static constexpr unsigned capacity = 64;
    std::array<Range, capacity> ranges_{};
    unsigned count_ = 0;
};

struct Rights {
    RangeSet ports;         ///< I/O ports 0..65535
    RangeSet device_frames; ///< machine frames without RAM
    RangeSet read_only_frames; ///< device frames that may be mapped, but not writable
    RangeSet interrupts;    ///< global system interrupts
    /// True when the domain drives devices at all: it may then choose the cacheability of its mappings.
    [[nodiscard]] bool drives_devices() const { return !ports.empty() || !device_frames.empty(); }
};

/// What most domains have.
inline constinit Rights const no_rights{};

} // namespace rf
