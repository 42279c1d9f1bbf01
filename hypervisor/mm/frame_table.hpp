// SPDX-License-Identifier: MIT
#pragma once
/// All frames of the machine, by number: an array of their words and one of their owners. Both are sparse in virtual memory:
/// RAM has backing, holes have none, so `find` must be asked before `operator[]` with a number that came from a guest.

#include "base/address_map.hpp"
#include "cpu/insn.hpp"
#include "mm/frame.hpp"

namespace rf::mm {

class FrameTable {
public:
    /// Frames that share one bit of the presence map: their owners fill one page, their words four.
    static constexpr unsigned group_shift = 11;
    static constexpr std::uint64_t group_frames = 1ull << group_shift;

    /// `frames` and `owners` are indexed by machine frame number; `limit` is one past the highest frame with RAM.
    /// `present` has one bit per group of machine memory: set where the table has backing.
    void attach(Frame* frames, std::uint16_t* owners, Mfn limit, std::uint64_t const* present);

    /// The frame's descriptor, or null when the number is beyond RAM or in a hole.
    [[nodiscard]] Frame* find(Mfn mfn) const
    {
        Frame* frame = find_even_hole(mfn);
        return frame && frame->state.load(relaxed) != FrameState::hole ? frame : nullptr;
    }
    /// The same, or the descriptor of a hole: for who asks for more references than a hole can have.
    [[nodiscard]] Frame* find_even_hole(Mfn mfn) const
    {
        std::uint64_t index = mfn.value;
        if (!cpu::clamp_index(index, limit_.value) ||
            !(present_[index >> (group_shift + 6)] >> (index >> group_shift & 63) & 1)) [[unlikely]]
            return nullptr;
        Frame* const frame = frames_ + index;
        if (!frame) // which spares the callers the question
            __builtin_unreachable();
        return frame;
    }
    /// For frame numbers that the hypervisor itself produced.
    [[nodiscard]] Frame& operator[](Mfn mfn) const { return frames_[mfn.value]; }
    [[nodiscard]] Mfn number(Frame const& frame) const { return Mfn{static_cast<std::uint64_t>(&frame - frames_)}; }
    [[nodiscard]] Mfn limit() const { return limit_; }

    /// Where the owner of a frame stands.
    [[nodiscard]] Atomic<std::uint16_t>& owner(Frame const& frame) const
    {
        static_assert(sizeof(Atomic<std::uint16_t>) == 2 && sizeof(Frame) == 8);
        return *reinterpret_cast<Atomic<std::uint16_t>*>((reinterpret_cast<std::uintptr_t>(&frame) >> 2) + owner_bias_);
    }
    /// Frames of a region, 2^this: a domain remembers in which regions it has memory (DomainMemory). No machine has more than
    /// `most_regions` of them.
    [[nodiscard]] unsigned region_shift() const { return region_shift_; }
    static constexpr std::uint64_t most_regions = 4096;

private:
    Frame* frames_ = nullptr;
    std::uintptr_t owner_bias_ = 0; ///< address of a frame's owner, less a quarter of the frame's own address
    std::uint64_t const* present_ = nullptr;
    Mfn limit_{0};
    unsigned region_shift_ = 0;
};

/// The machine's frame table.
extern FrameTable frames;

inline DomainId Frame::owner_id() const { return DomainId{frames.owner(*this).load(relaxed)}; }
inline void Frame::set_owner(DomainId owner) { frames.owner(*this).store(owner.value, relaxed); }

} // namespace rf::mm
