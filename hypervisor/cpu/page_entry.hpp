// SPDX-License-Identifier: MIT
#pragma once
/// Bits of 4-level page-table entries as the processor reads them (SDM vol. 3, 4.5).

#include "base/types.hpp"

namespace rf::cpu::page_entry {

inline constexpr std::uint64_t present = 1ull << 0;
inline constexpr std::uint64_t writable = 1ull << 1;
inline constexpr std::uint64_t user = 1ull << 2;
inline constexpr std::uint64_t write_through = 1ull << 3;
inline constexpr std::uint64_t cache_disable = 1ull << 4;
inline constexpr std::uint64_t accessed = 1ull << 5;
inline constexpr std::uint64_t dirty = 1ull << 6;
inline constexpr std::uint64_t large = 1ull << 7;    ///< levels 2 and 3: maps a page itself
inline constexpr std::uint64_t pat_4k = 1ull << 7;   ///< level 1: high bit of the PAT index
inline constexpr std::uint64_t global = 1ull << 8;
inline constexpr std::uint64_t no_execute = 1ull << 63;
inline constexpr std::uint64_t address_mask = 0x000f'ffff'ffff'f000ull;

/// Index into the table of `level` (1..4) for an address.
[[nodiscard]] constexpr unsigned index(std::uint64_t address, unsigned level)
{
    return static_cast<unsigned>(address >> (page_shift + 9 * (level - 1))) & (table_entries - 1);
}
/// Bytes that one entry of `level` maps.
[[nodiscard]] constexpr std::uint64_t span(unsigned level) { return page_size << (9 * (level - 1)); }

} // namespace rf::cpu::page_entry
