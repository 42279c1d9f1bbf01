// SPDX-License-Identifier: MIT
#pragma once
/// The firmware's memory map, put in order: sorted, without overlaps, neighbours of one type merged.

#include "base/types.hpp"

#include <array>
#include <span>

namespace rf::boot {

/// Types of memory as firmware numbers them (ACPI specification 6.4, 15). Where entries overlap the greater number wins,
/// so doubt never makes memory usable.
enum class MemoryType : std::uint32_t {
    ram = 1,
    reserved = 2,
    acpi_tables = 3,
    acpi_nvs = 4,
    unusable = 5,
};

struct MemoryRegion {
    std::uint64_t start = 0;
    std::uint64_t length = 0;
    MemoryType type = MemoryType::reserved;

    [[nodiscard]] constexpr std::uint64_t end() const { return start + length; }
    constexpr bool operator==(MemoryRegion const&) const = default;
};

inline constexpr std::size_t memory_regions_max = 128;

class MemoryMap {
public:
    /// Adds an entry as the firmware gave it; empty ones are ignored, ones beyond the address space are cut, unknown types
    /// count as reserved. Entries beyond the capacity are counted in lost() and dropped.
    void add(std::uint64_t start, std::uint64_t length, std::uint32_t type);
    /// Puts the entries in order. Overlaps that would need more regions than fit lose usable memory, never gain it.
    void sanitise();

    [[nodiscard]] std::span<MemoryRegion const> regions() const { return {regions_.data(), count_}; }
    [[nodiscard]] unsigned lost() const { return lost_; }
    /// Bytes of RAM.
    [[nodiscard]] std::uint64_t ram_bytes() const;
    /// True when [start, start + length) lies inside one region of RAM.
    [[nodiscard]] bool is_ram(std::uint64_t start, std::uint64_t length) const;

private:
    void append(MemoryRegion const& region);
    std::array<MemoryRegion, memory_regions_max> regions_{};
    std::size_t count_ = 0;
    unsigned lost_ = 0;
};

} // namespace rf::boot
