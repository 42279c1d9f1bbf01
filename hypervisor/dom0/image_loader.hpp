// SPDX-License-Identifier: MIT
#pragma once
/// Copies a kernel's segments and an initrd into the frames of the domain.

#include "dom0/frame_list.hpp"

namespace rf::dom0 {

/// Copies `bytes` to pseudo-physical address `to` on; the frames exist.
void write_frames(FrameList const& frames, std::uint64_t to, std::span<std::byte const> bytes);

/// Writes all segments, zeros behind their contents, and the hypercall page if the kernel has one. The plan that `frames`
/// follows holds the whole image.
void load_segments(ElfFile const& elf, KernelNotes const& notes, FrameList const& frames);

} // namespace rf::dom0
