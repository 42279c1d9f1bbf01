// SPDX-License-Identifier: MIT
#pragma once
/// Writes the first domain's initial page tables into its frames, as a guest would write them: pvmmu validates and
/// adjusts them afterwards like any other tables.

#include "dom0/frame_list.hpp"

namespace rf::dom0 {

/// Fills the plan's page-table frames (which hold zeros). Page tables inside the window are mapped read-only, all else
/// writable.
void write_page_tables(Plan const& plan, FrameList const& frames);

} // namespace rf::dom0
