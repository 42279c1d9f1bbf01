// SPDX-License-Identifier: MIT
#pragma once
/// Writes a guest's initial page tables and p2m array in one pass each. Pure: works on memory that the caller has mapped.

#include <cstdint>
#include <span>

#include "builder/guest_plan.hpp"

namespace rf::builder {

/// Machine frame of each guest frame: index is the pfn.
using FrameTable = std::span<const std::uint64_t>;

/// The window's tables. `tables` is the memory of plan.tables, entry by entry; the tables map themselves read-only.
void write_window_tables(const dom0::Plan& plan, FrameTable frames, std::span<std::uint64_t> tables);

/// The tables of a p2m array behind the window; `root` is the top-level table, `tables` the memory of plan.p2m_tables.
void write_p2m_tables(const dom0::Plan& plan, FrameTable frames, std::span<std::uint64_t> root, std::span<std::uint64_t> tables);

/// The p2m array: one entry for each frame, the rest of its last page invalid.
void write_p2m(FrameTable frames, std::span<std::uint64_t> array);

}  // namespace rf::builder
