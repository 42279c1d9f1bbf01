// SPDX-License-Identifier: MIT
#pragma once
/// Memory for the hypervisor's own tables before the frame allocator exists: ranges of RAM, taken from the top. What is
/// left in the end becomes the allocator's.

#include "base/result.hpp"
#include "boot/memory_map.hpp"

namespace rf::boot {

/// Until the final page tables are loaded only this much of physical memory is mapped. Bytes.
inline constexpr std::uint64_t early_limit = 4ull << 30;

class EarlyMemory {
public:
    /// Adds RAM; page borders are rounded inwards. Beyond the capacity memory is lost (counted).
    void add(std::uint64_t start, std::uint64_t end);
    /// Takes what overlaps [start, end) out; borders are rounded outwards.
    void reserve(std::uint64_t start, std::uint64_t end);
    /// `bytes` (rounded up to pages), aligned to `alignment` (a power of two, at least a page), ending at or below
    /// `limit`; the highest that fits. Contents are whatever was there. Errno::enomem.
    [[nodiscard]] Result<MachineAddress> take(std::uint64_t bytes, std::uint64_t alignment = page_size,
                                              std::uint64_t limit = ~0ull);
    template <class Function>
    void for_each(Function function) const
    {
        for (std::size_t i = 0; i < count_; ++i)
            function(Mfn{ranges_[i].start >> page_shift}, (ranges_[i].end - ranges_[i].start) >> page_shift);
    }
    [[nodiscard]] std::uint64_t lost_bytes() const { return lost_bytes_; }

private:
    struct Range {
        std::uint64_t start, end;
    };
    void insert(Range range);
    void remove(std::size_t index);

    static constexpr std::size_t capacity = 2 * memory_regions_max;
    std::array<Range, capacity> ranges_{};
    std::size_t count_ = 0;
    std::uint64_t lost_bytes_ = 0;
};

} // namespace rf::boot
