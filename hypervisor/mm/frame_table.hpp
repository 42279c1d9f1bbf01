// SPDX-License-Identifier: MIT
#pragma once
/// All frames of the machine, by number. The table is sparse in virtual memory: RAM has backing, holes have none, so
/// `find` must be asked before `operator[]` with a number that came from a guest.

#include "base/address_map.hpp"
#include "cpu/insn.hpp"
#include "mm/frame.hpp"

namespace rf::mm {

class FrameTable {
public:
    /// `frames` is indexed by machine frame number; `limit` is one past the highest frame with RAM.
    /// `present` has one bit per 2 MiB of machine memory: set where the table has backing.
    void attach(Frame* frames, Mfn limit, std::uint64_t const* present);

    /// The frame's descriptor, or null when the number is beyond RAM or in a hole.
    [[nodiscard]] Frame* find(Mfn mfn) const
    {
        std::uint64_t index = mfn.value;
        if (!cpu::clamp_index(index, limit_.value) || !(present_[index >> 15] >> (index >> 9 & 63) & 1)) [[unlikely]]
            return nullptr;
        Frame* frame = frames_ + index;
        return frame->flags.load(relaxed) & frame_is_hole ? nullptr : frame;
    }
    /// For frame numbers that the hypervisor itself produced.
    [[nodiscard]] Frame& operator[](Mfn mfn) const { return frames_[mfn.value]; }
    [[nodiscard]] Mfn number(Frame const& frame) const { return Mfn{static_cast<std::uint64_t>(&frame - frames_)}; }
    [[nodiscard]] Mfn limit() const { return limit_; }

private:
    Frame* frames_ = nullptr;
    std::uint64_t const* present_ = nullptr;
    Mfn limit_{0};
};

/// The machine's frame table.
extern FrameTable frames;

} // namespace rf::mm
