// SPDX-License-Identifier: MIT
#pragma once
/// The machine's free memory: a binary buddy allocator over the frame table, with two zones so that memory that devices
/// with 32-bit addressing can reach is handed out last.
///
/// Every frame handed out is zeroed exactly once: on allocation unless it is known to be clean.
///
/// Claims: a number of free frames may be promised to a domain before it takes them. The allocator keeps only the sum;
/// whose the claims are is kept by DomainMemory. Invariant under lock_: claimed_frames_ <= free_frames_.

#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "mm/frame_table.hpp"

#include <array>

namespace rf::mm {

/// Largest block: 2^18 frames = 1 GiB.
inline constexpr unsigned max_order = 18;

enum class Contents : std::uint8_t { zeroed, anything };

class FrameAllocator {
public:
    constexpr FrameAllocator() = default;

    /// Adds [first, first + count) as free memory (boot only; frames must not be in use).
    void add(Mfn first, std::uint64_t count);
    /// 2^order contiguous, naturally aligned frames whose addresses fit in `address_bits` bits. Frames that are claimed are
    /// left alone, except for `from_claim` of them (at most 2^order), which the caller has claimed: the claims shrink by so
    /// many. Errno::enomem: nothing changed.
    [[nodiscard]] Result<Mfn> allocate(unsigned order, Contents contents = Contents::zeroed, unsigned address_bits = 64,
                                       std::uint64_t from_claim = 0);
    /// Promises `frames` of the free frames. Errno::enomem: there are not so many that nobody has claimed.
    [[nodiscard]] Status claim(std::uint64_t frames);
    /// Takes a promise back.
    void unclaim(std::uint64_t frames);
    /// Gives 2^order frames back. Their state words must be zero.
    void release(Mfn first, unsigned order);
    [[nodiscard]] std::uint64_t free_frames() const { return free_frames_.load(relaxed); }
    [[nodiscard]] std::uint64_t claimed_frames() const { return claimed_frames_.load(relaxed); }
    [[nodiscard]] std::uint64_t total_frames() const { return total_frames_; }

private:
    struct FreeList {
        std::uint32_t head = 0; ///< frame number + 1; 0 = empty
    };
    using Zone = std::array<FreeList, max_order + 1>;

    [[nodiscard]] static unsigned zone_of(Mfn mfn) { return mfn.value < (1ull << 20) ? 0 : 1; }
    void push(Mfn mfn, unsigned order);
    void unlink(Mfn mfn, unsigned order);
    [[nodiscard]] Mfn take(unsigned zone, unsigned order, unsigned address_bits);
    void release_locked(Mfn first, unsigned order);

    Spinlock lock_{LockRank::frame_allocator};
    std::array<Zone, 2> zones_{};
    Atomic<std::uint64_t> free_frames_{0};
    Atomic<std::uint64_t> claimed_frames_{0};
    std::uint64_t total_frames_ = 0;
};

extern FrameAllocator allocator;

} // namespace rf::mm
