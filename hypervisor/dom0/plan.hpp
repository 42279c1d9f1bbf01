// SPDX-License-Identifier: MIT
#pragma once
/// Where everything of the first domain goes, computed before a single frame is touched. Pure.
///
/// Virtual window, one address per pseudo-physical frame (pfn) from VIRT_BASE = pfn 0:
///
///     VIRT_BASE .. | kernel | [initrd] | [p2m] | start_info | page tables | boot stack | padding |
///
/// The initrd is inside only for a kernel without MOD_START_PFN, the p2m array only for one without INIT_P2M. Behind the
/// window, in pfns but not in the window's addresses: initrd, p2m array, the p2m's own page tables; then ordinary memory.

#include "base/types.hpp"
#include "dom0/notes.hpp"

namespace rf::dom0 {

/// A run of pseudo-physical frames.
struct PfnRange {
    Pfn first{0};
    std::uint64_t count = 0;
    [[nodiscard]] constexpr Pfn end() const { return first + count; }
    [[nodiscard]] constexpr bool contains(Pfn pfn) const { return pfn >= first && pfn < end(); }
};

/// Numbers of page-table pages below the top level that map one range of addresses.
struct TableCounts {
    std::uint64_t level3 = 0;
    std::uint64_t level2 = 0;
    std::uint64_t level1 = 0;
    [[nodiscard]] constexpr std::uint64_t total() const { return level3 + level2 + level1; }
};

/// Tables that map [start, end); end > start.
[[nodiscard]] TableCounts count_tables(std::uint64_t start, std::uint64_t end);

struct Plan {
    std::uint64_t pages = 0;      ///< of the domain, all together
    std::uint64_t virt_base = 0;
    std::uint64_t window_end = 0; ///< every address in [virt_base, window_end) is mapped
    PfnRange window;              ///< the frames behind the window: from pfn 0

    PfnRange kernel;
    PfnRange initrd;
    bool initrd_in_window = false;
    PfnRange p2m;                 ///< array of one u64 for each frame, filled up to a whole page
    std::uint64_t p2m_address = 0;
    bool p2m_in_window = false;
    PfnRange start_info;
    PfnRange tables;              ///< top level first, then levels 3, 2, 1
    TableCounts table_counts;     ///< of `tables`, without the one top level
    PfnRange stack;
    PfnRange p2m_tables;          ///< page tables of the p2m behind the window: levels 3, 2, 1
    TableCounts p2m_table_counts;

    /// Frames with a purpose: the domain needs at least these.
    std::uint64_t pages_needed = 0;

    /// Address of a frame inside the window.
    [[nodiscard]] constexpr std::uint64_t address_of(Pfn pfn) const { return virt_base + (pfn.value << page_shift); }
    [[nodiscard]] constexpr std::uint64_t stack_top() const { return address_of(stack.end()); }
};

/// A plan for this kernel, an initrd of `initrd_bytes` (0: none) and `pages` frames of memory. Refuses what does not fit
/// into the address space; whether `pages` suffices (Plan::pages_needed) is for the caller to ask.
[[nodiscard]] Parsed<Plan> make_plan(KernelNotes const& notes, std::uint64_t initrd_bytes, std::uint64_t pages);

} // namespace rf::dom0
