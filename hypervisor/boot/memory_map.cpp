// SPDX-License-Identifier: MIT
#include "boot/memory_map.hpp"

#include <algorithm>

namespace rf::boot {
namespace {

/// Physical addresses have at most 52 bits.
constexpr std::uint64_t address_limit = 1ull << 52;

[[nodiscard]] MemoryType known_type(std::uint32_t type)
{
    switch (type) {
    case 1:
        return MemoryType::ram;
    case 3:
        return MemoryType::acpi_tables;
    case 4:
        return MemoryType::acpi_nvs;
    case 5:
        return MemoryType::unusable;
    default:
        return MemoryType::reserved;
    }
}

} // namespace

void MemoryMap::add(std::uint64_t start, std::uint64_t length, std::uint32_t type)
{
    if (start >= address_limit || length == 0)
        return;
    append({start, std::min(length, address_limit - start), known_type(type)});
}

void MemoryMap::append(MemoryRegion const& region)
{
    if (count_ && regions_[count_ - 1].type == region.type && regions_[count_ - 1].end() == region.start)
        regions_[count_ - 1].length += region.length;
    else if (count_ < regions_.size())
        regions_[count_++] = region;
    else
        ++lost_;
}

void MemoryMap::sanitise()
{
    std::array<MemoryRegion, memory_regions_max> const given = regions_;
    std::span<MemoryRegion const> const entries{given.data(), count_};
    std::array<std::uint64_t, 2 * memory_regions_max> borders;
    std::size_t used = 0;
    for (MemoryRegion const& entry : entries) {
        borders[used++] = entry.start;
        borders[used++] = entry.end();
    }
    std::sort(borders.begin(), borders.begin() + used);
    used = static_cast<std::size_t>(std::unique(borders.begin(), borders.begin() + used) - borders.begin());

    // Between two neighbouring borders every entry covers all or nothing; the most restrictive of them decides.
    count_ = 0;
    for (std::size_t i = 0; i + 1 < used; ++i) {
        bool covered = false;
        MemoryType type = MemoryType::ram;
        for (MemoryRegion const& entry : entries)
            if (entry.start <= borders[i] && entry.end() >= borders[i + 1]) {
                covered = true;
                type = std::max(type, entry.type);
            }
        if (covered)
            append({borders[i], borders[i + 1] - borders[i], type});
    }
}

std::uint64_t MemoryMap::ram_bytes() const
{
    std::uint64_t bytes = 0;
    for (MemoryRegion const& region : regions())
        if (region.type == MemoryType::ram)
            bytes += region.length;
    return bytes;
}

bool MemoryMap::is_ram(std::uint64_t start, std::uint64_t length) const
{
    return std::ranges::any_of(regions(), [&](MemoryRegion const& region) {
        return region.type == MemoryType::ram && start >= region.start && start < region.end() &&
               length <= region.end() - start;
    });
}

} // namespace rf::boot
