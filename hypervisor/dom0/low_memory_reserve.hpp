// SPDX-License-Identifier: MIT
#pragma once
/// Keeps memory below 4 GiB free while the first domain takes its share. Linux' swiotlb later exchanges 64 MiB of the
/// domain's frames for contiguous ones that 32-bit devices reach, and panics when it gets none.

#include "base/types.hpp"

#include <array>
#include <cstdint>

namespace rf::dom0 {

class LowMemoryReserve {
public:
    /// Holds up to `pages` frames until it is destroyed; fewer when there are no more.
    explicit LowMemoryReserve(std::uint64_t pages);
    ~LowMemoryReserve();
    LowMemoryReserve(LowMemoryReserve const&) = delete;
    LowMemoryReserve& operator=(LowMemoryReserve const&) = delete;

    [[nodiscard]] std::uint64_t pages() const { return count_ << order; }

    /// What swiotlb asks for, and some for coherent allocations of drivers.
    static constexpr std::uint64_t wanted_pages = (80ull << 20) >> page_shift;

private:
    static constexpr unsigned order = 8; ///< 1 MiB: four of swiotlb's pieces
    static constexpr std::size_t capacity = wanted_pages >> order;
    std::array<Mfn, capacity> blocks_{};
    std::size_t count_ = 0;
};

} // namespace rf::dom0
