// SPDX-License-Identifier: MIT
#pragma once
/// The page through which the first domain learns about itself (public header xen.h, start_info), and the array that
/// translates its frame numbers.

#include "dom0/frame_list.hpp"
#include "dom0/request.hpp"

namespace rf::dom0 {

/// Errno::e2big: the command line is longer than the structure holds.
[[nodiscard]] Status write_start_info(Plan const& plan, FrameList const& frames, KernelNotes const& notes,
                                      Request const& request, Mfn shared_info);

/// Fills the p2m array, its last page to the end, and the machine's M2P for all frames of the domain.
void write_translations(Plan const& plan, FrameList const& frames);

} // namespace rf::dom0
