// SPDX-License-Identifier: MIT
#pragma once
/// The machine's free memory: a binary buddy allocator over the frame table. Zones by the width of the frames' numbers: a
/// request for narrow addresses is served without a search, and memory that more devices can reach is handed out later.
///
/// Every frame handed out is zeroed exactly once: on allocation unless it is known to be clean. What is too much for one
/// piece is taken as it is (Contents::unready) and made ready bit by bit by whoever took it.
///
/// Claims: a number of free frames may be promised to a domain before it takes them. The allocator keeps only the sum;
/// whose the claims are is kept by DomainMemory. Invariant under lock_: claimed_frames_ <= free_frames_.

#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "mm/frame_table.hpp"

#include <array>
#include <bit>

namespace rf::mm {

/// Largest block: 2^18 frames = 1 GiB.
inline constexpr unsigned max_order = 18;

/// `unready`: CPUs may still hold translations of a former owner, who may write to the frames. They are the taker's only to
/// keep until make_ready or release; nobody else may reach them.
enum class Contents : std::uint8_t { zeroed, anything, unready };

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
    /// Makes frames ready that were taken unready: every CPU forgets them, then they are filled with zeros unless
    /// `contents` is anything.
    static void make_ready(Mfn first, std::uint64_t count, Contents contents = Contents::zeroed);
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
    /// Free blocks whose last frame has a number of so many bits. Numbers are those of links, 32 bits.
    struct Zone {
        std::array<std::uint32_t, max_order + 1> heads{}; ///< frame number + 1; 0 = empty
        std::uint32_t filled = 0;                         ///< orders whose list is not empty
    };
    static constexpr unsigned widest_zone = 32;

    [[nodiscard]] Zone& zone_of(Mfn mfn, unsigned order)
    {
        return zones_[std::bit_width(mfn.value + (1ull << order) - 1)];
    }
    void push(Mfn mfn, unsigned order);
    void unlink(Mfn mfn, unsigned order);
    [[nodiscard]] Mfn take(unsigned order, unsigned address_bits);
    void release_locked(Mfn first, unsigned order);

    Spinlock lock_{LockRank::frame_allocator};
    std::array<Zone, widest_zone + 1> zones_{};
    Atomic<std::uint64_t> free_frames_{0};
    Atomic<std::uint64_t> claimed_frames_{0};
    std::uint64_t total_frames_ = 0;
};

extern FrameAllocator allocator;

} // namespace rf::mm
